// SPDX-License-Identifier: Apache-2.0
// A connection table that begins small and grows under millions of connections by VS/NAT: whether
// each finds its server afterwards, in both directions, and how much memory that takes.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace isobar::bench {

struct Grown {
    std::uint64_t connections = 0;
    std::uint64_t requests = 0;  // of so many the next packet went to the connection's server,
    std::uint64_t replies = 0;   // and so many of the server's came back from the virtual address
    std::uint32_t growths = 0;
    double bytes = 0;   // kernel memory of the table at its largest
    double new_ns = 0;  // of all, the making of their packets included
    double request_ns = 0;
    double reply_ns = 0;

    [[nodiscard]] std::string text() const;
    // All are found, in no more than 2 GiB for 10 million.
    [[nodiscard]] bool good() const;
};

// `millions` times 2^20 connections, in a network namespace of its own.
Result<Grown> measure_growth(std::uint32_t millions);

}  // namespace isobar::bench
