// SPDX-License-Identifier: Apache-2.0
// The packets of one measurement, as a wrapper program sends them: which frame, and how it
// becomes one of many flows.
#pragma once

#include <cstdint>

#include "bpf/wrap.h"
#include "model/address.h"
#include "model/service.h"
#include "network.h"

namespace isobar::bench {

enum class Segment : std::uint8_t { Syn, Ack };
// Scattered: no two flows that follow each other were made one after the other.
enum class Order : std::uint8_t { AsMade, Scattered };

// From the client `first` on: address and port count up, 16,384 ports an address.
struct Clients {
    model::Address first;
    std::uint32_t flows = 1;  // a power of two
    model::Port first_port = 1024;
};

// Replies: flow f comes from server (shift - f) % servers.
struct Repliers {
    model::Endpoint first;
    std::uint32_t servers = 1;  // a power of two
    std::uint32_t shift = 0;
};

bench_control requests(const Clients& clients, const model::ServiceKey& service, Segment segment,
                       Order order, const Mac& director);
bench_control replies(const Clients& clients, const Repliers& from, model::Protocol protocol,
                      const Mac& director);

}  // namespace isobar::bench
