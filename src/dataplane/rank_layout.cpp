// SPDX-License-Identifier: Apache-2.0
#include "dataplane/rank_layout.h"

#include <algorithm>

namespace isobar::dataplane {
namespace {

constexpr std::uint32_t kFan = ISOBAR_RANK_FAN;

constexpr std::uint32_t parts(std::uint32_t all, std::uint32_t each) {
    return (all + each - 1) / each;
}

}  // namespace

bool has_ranks(std::uint32_t scheduler, std::uint32_t members) {
    switch (scheduler) {
        case ISOBAR_SCHEDULER_lc:
        case ISOBAR_SCHEDULER_wlc:
        case ISOBAR_SCHEDULER_sed:
        case ISOBAR_SCHEDULER_nq:
        case ISOBAR_SCHEDULER_lblc:
        case ISOBAR_SCHEDULER_lblcr:
            return members > ISOBAR_RANK_LEAST;
        default:
            return false;
    }
}

RankLayout make_ranks(std::uint32_t top, std::uint32_t members) {
    // nodes of each level, the lowest first; what is below the lowest are groups
    std::vector<std::uint32_t> levels;
    for (auto below = parts(members, kFan); levels.empty() || below > 1; below = levels.back())
        levels.push_back(parts(below, kFan));

    RankLayout layout;
    std::uint32_t level_above = 0;  // number of its first node
    for (auto level = levels.size(); level-- > 0;) {
        const auto here = top + static_cast<std::uint32_t>(layout.nodes.size());
        const auto children = level == 0 ? parts(members, kFan) : levels[level - 1];
        auto members_below = kFan * kFan;
        for (std::size_t i = 0; i < level; ++i) members_below *= kFan;
        for (std::uint32_t i = 0; i < levels[level]; ++i) {
            isobar_rank node{};
            node.dirty = (1u << std::min(children - i * kFan, kFan)) - 1;
            node.parent = level_above == 0 ? 0 : level_above + i / kFan;
            node.child = i % kFan;
            node.below = level == 0 ? 0 : here + levels[level] + i * kFan;
            node.first = i * members_below;
            node.winner = ISOBAR_RANK_NONE;
            std::fill(std::begin(node.best), std::end(node.best), ISOBAR_RANK_NONE);
            layout.nodes.push_back(node);
        }
        level_above = layout.first_leaf = here;
    }
    return layout;
}

}  // namespace isobar::dataplane
