// SPDX-License-Identifier: Apache-2.0
// The nodes in which the data plane keeps the least loaded servers of a large set (abi/ranks.h), as
// they are before the first choice: everything dirty. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "abi/abi.h"

namespace isobar::dataplane {

// Does a set of so many servers have ranks?
bool has_ranks(std::uint32_t scheduler, std::uint32_t members);

struct RankLayout {
    std::vector<isobar_rank> nodes;  // the first one is the top
    std::uint32_t first_leaf = 0;    // number of the node above the first members

    [[nodiscard]] isobar_place place(std::uint32_t position) const {
        const auto node = first_leaf + position / (ISOBAR_RANK_FAN * ISOBAR_RANK_FAN);
        return isobar_place{node} << 32 | position;
    }
};

// `top`: the number that the first node will have.
RankLayout make_ranks(std::uint32_t top, std::uint32_t members);

}  // namespace isobar::dataplane
