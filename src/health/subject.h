// SPDX-License-Identifier: Apache-2.0
// What is checked: a server, and how. Equal subjects are checked once, however many services
// share them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "model/address.h"
#include "model/check.h"

namespace isobar::health {

struct Subject {
    model::Endpoint server;
    model::Check check;
    // With check.through_service: where to send, the virtual address and port, and the firewall
    // mark by which Options::prepare has the data plane take it to `server`.
    std::optional<model::Endpoint> through{};
    std::uint32_t mark = 0;

    bool operator==(const Subject&) const = default;
};

// Where a probe is sent.
model::Endpoint target_of(const Subject& subject);

// The same for equal subjects, in every process and version: what state on disk is found by.
// "192.168.10.100:80 http 0123456789abcdef".
std::string key_of(const Subject& subject);

struct SubjectHash {
    std::size_t operator()(const Subject& subject) const;
};

}  // namespace isobar::health
