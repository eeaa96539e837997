// SPDX-License-Identifier: Apache-2.0
// How the connection table grows while packets use it (abi/abi.h, "generations"). No connection is
// moved: a new generation with twice the lines takes the new ones, and the older are given back
// when their last connection has ended. Every step may be the last one that a killed process has
// done: the next look goes on from there, and packets find all connections at any moment.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/result.h"
#include "dataplane/maps.h"
#include "dataplane/programs.h"

namespace isobar::dataplane {

// So many connections surely find room in these lines: with 15 records a line and 8 of them in use
// hardly any line is full.
constexpr std::uint32_t connections_of(std::uint32_t lines) {
    return lines * 8;
}
constexpr std::uint32_t lines_for(std::uint32_t connections) {
    return connections / 8;
}
// Of a table that begins with so many lines.
constexpr std::uint32_t segment_lines_for(std::uint32_t lines) {
    return std::min<std::uint32_t>(lines, ISOBAR_SEGMENT_LINES);
}

// A segment of so many lines, and one for each CPU behind them.
Result<Fd> make_segment(std::uint32_t lines);

// The caller holds the namespace's lock.
class Growth {
public:
    Growth(const Maps& maps, const Tool& tool) : maps_(maps), tool_(tool) {}

    // The table of a new state: it has these lines, and may have so many once. Both are powers of
    // two.
    Result<void> begin(std::uint32_t lines, std::uint32_t most_lines);
    // What is due: another generation if the newest is half full and may be followed;
    // marks for the older ones; those that have drained are given back.
    Result<void> look();
    // A generation of twice the lines, whatever the table is like.
    Result<void> grow();

private:
    [[nodiscard]] Result<bool> is_full() const;
    void publish(std::uint32_t newest, std::uint32_t older, std::uint32_t away);
    Result<void> add_segments(std::uint32_t first);
    Result<void> wait_for_packets();
    Result<void> mark();
    Result<std::uint32_t> mark_older(std::uint32_t older, std::uint32_t mark);
    Result<void> give_back(std::uint32_t newest, std::uint32_t older);
    Result<std::uint32_t> run(isobar_task task, std::uint32_t generation, std::uint32_t mark);

    const Maps& maps_;
    const Tool& tool_;
};

}  // namespace isobar::dataplane
