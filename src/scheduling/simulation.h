// SPDX-License-Identifier: Apache-2.0
// Connections to a service in virtual time, scheduled by the data plane's own code: what share of
// them each server would get, and how many at a time. Pure: the same input and seed give the same
// result.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/service.h"

namespace isobar::scheduling {

// Seconds of virtual time.
using Moment = double;
inline constexpr Moment kNever = std::numeric_limits<Moment>::infinity();

// A connection of a client.
struct Arrival {
    Moment begin = 0;
    Moment end = kNever;
    model::Endpoint client;
    bool active = true;  // false: closed from the beginning, and only remembered (TIME_WAIT)

    bool operator==(const Arrival&) const = default;
};

// The next one, in the order of their beginning; nothing: that was all.
using Arrivals = std::function<std::optional<Arrival>()>;

struct ServerShare {
    model::Endpoint address;
    model::Weight weight = 0;
    std::uint64_t connections = 0;
    double wanted = 0;  // share by weight
    double share = 0;
    std::uint32_t peak = 0;  // of connections at a time, before they are closed
    double mean = 0;

    bool operator==(const ServerShare&) const = default;
};

struct Simulated {
    std::uint64_t connections = 0;
    std::uint64_t refused = 0;  // nobody could take them
    Moment length = 0;
    std::vector<ServerShare> servers;  // in the order they were added

    bool operator==(const Simulated&) const = default;
};

// How long a connection is remembered after its end: its server has it as inactive.
struct Remembered {
    std::chrono::seconds tcp{120};  // TIME_WAIT
    std::chrono::seconds udp{300};
};

// Why it cannot be simulated; "": it can.
std::string cannot_simulate(const model::VirtualService& service);

// Means are over the time from 0 to the last beginning, or `length` if that is later.
Simulated simulate(const model::VirtualService& service, const Arrivals& arrivals,
                   std::uint64_t seed, Moment length = 0, const Remembered& remembered = {});

}  // namespace isobar::scheduling
