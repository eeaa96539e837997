// SPDX-License-Identifier: Apache-2.0
#include "dataplane/rank_layout.h"

#include <gtest/gtest.h>

namespace isobar::dataplane {
namespace {

TEST(RankLayout, LeadsFromEveryMemberUpToTheTopAndDownAgain) {
    constexpr std::uint32_t kTop = 7;
    for (const std::uint32_t members : {17u, 255u, 256u, 257u, 1000u, 4096u, 4097u, 65535u}) {
        SCOPED_TRACE(members);
        const auto layout = make_ranks(kTop, members);
        const auto node = [&](std::uint32_t number) { return layout.nodes.at(number - kTop); };

        for (std::uint32_t position = 0; position < members; ++position) {
            auto number = static_cast<std::uint32_t>(layout.place(position) >> 32);
            auto child = position / ISOBAR_RANK_FAN % ISOBAR_RANK_FAN;
            ASSERT_EQ(0u, node(number).below);
            ASSERT_EQ(position / ISOBAR_RANK_FAN * ISOBAR_RANK_FAN,
                      node(number).first + child * ISOBAR_RANK_FAN);
            int levels = 1;
            for (; node(number).parent != 0; ++levels) {
                ASSERT_TRUE(node(number).dirty >> child & 1u);
                child = node(number).child;
                const auto parent = node(number).parent;
                ASSERT_EQ(number, node(parent).below + child);
                number = parent;
            }
            ASSERT_TRUE(node(number).dirty >> child & 1u);
            ASSERT_EQ(kTop, number);
            ASSERT_LE(levels, ISOBAR_RANK_LEVELS);
        }
    }
}

// Dirty bits that stand for nobody would be looked at for nothing.
TEST(RankLayout, HasNoBitForMembersThatAreNotThere) {
    const auto layout = make_ranks(1, 300);  // 19 groups: 16 and 3
    ASSERT_EQ(3u, layout.nodes.size());
    EXPECT_EQ(0x3u, layout.nodes[0].dirty);
    EXPECT_EQ(0xffffu, layout.nodes[1].dirty);
    EXPECT_EQ(0x7u, layout.nodes[2].dirty);
}

// A set's block of isobar_sets has to cover them: one for every 16 elements.
TEST(RankLayout, NeedsFewerNodesThanItsBlockCovers) {
    for (std::uint32_t members = ISOBAR_RANK_LEAST + 1; members <= 0xffff; members += 15)
        EXPECT_LE(make_ranks(1, members).nodes.size() * ISOBAR_RANK_FAN, members + 1) << members;
}

TEST(RankLayout, IsForLargeSetsOfSchedulersThatWantTheLeastLoad) {
    EXPECT_TRUE(has_ranks(ISOBAR_SCHEDULER_wlc, 17));
    EXPECT_FALSE(has_ranks(ISOBAR_SCHEDULER_wlc, 16));
    EXPECT_FALSE(has_ranks(ISOBAR_SCHEDULER_rr, 1000));
}

}  // namespace
}  // namespace isobar::dataplane
