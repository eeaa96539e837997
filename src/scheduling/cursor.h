// SPDX-License-Identifier: Apache-2.0
// What becomes of a scheduler's cursor when the servers of its service change, as IPVS's
// rr (ip_vs_rr_del_dest) and wrr (ip_vs_wrr_dest_changed) do it. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "abi/abi.h"

namespace isobar::scheduling {

struct Cursor {
    std::uint32_t position = ISOBAR_SET_START;  // server used last
    std::uint32_t credit = 0;                   // wrr: current weight

    static Cursor unpack(std::uint64_t state) {
        return {static_cast<std::uint32_t>(state >> 32), static_cast<std::uint32_t>(state)};
    }
    [[nodiscard]] std::uint64_t pack() const {
        return static_cast<std::uint64_t>(position) << 32 | credit;
    }
    bool operator==(const Cursor&) const = default;
};

struct WeightSummary {
    std::uint32_t gcd = 1;  // 1 when all weights are 0
    std::uint32_t max = 0;
    // where wrr begins: below the largest weight by gcd - 1
    [[nodiscard]] std::uint32_t start() const { return max - (gcd - 1); }
};
WeightSummary summarise(std::span<const std::uint32_t> weights);

// A server was put in front of all others (newest first).
Cursor after_insert(Cursor cursor, std::uint32_t scheduler, const WeightSummary& weights);
// The server at `position` was taken out.
Cursor after_remove(Cursor cursor, std::uint32_t scheduler, std::uint32_t position,
                    const WeightSummary& weights);
// A weight was changed.
Cursor after_edit(Cursor cursor, std::uint32_t scheduler, const WeightSummary& weights);
// The service got this scheduler.
Cursor initial(const WeightSummary& weights);

}  // namespace isobar::scheduling
