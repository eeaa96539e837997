// SPDX-License-Identifier: Apache-2.0
#include "scheduling/cursor.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace isobar::scheduling {
namespace {

constexpr std::uint32_t kRr = ISOBAR_SCHEDULER_rr;
constexpr std::uint32_t kWrr = ISOBAR_SCHEDULER_wrr;

using Weights = std::vector<std::uint32_t>;

// A set as Tables keeps it: newest first. `name` is what the sequences below print.
struct Set {
    struct Member {
        char name;
        std::uint32_t weight;
    };
    std::vector<Member> members;
    Cursor cursor;

    [[nodiscard]] WeightSummary weights() const {
        Weights all;
        for (const auto& member : members) all.push_back(member.weight);
        return summarise(all);
    }
    void add(char name, std::uint32_t weight) {
        members.insert(members.begin(), {name, weight});
        cursor = after_insert(cursor, kWrr, weights());
    }
    // ip_vs_wrr_schedule(), written from its description.
    char next() {
        const auto summary = weights();
        auto position = cursor.position == ISOBAR_SET_START ? 0 : cursor.position + 1;
        for (std::size_t seen = 0; seen <= 2 * members.size(); ++seen, ++position) {
            if (position == members.size()) {
                position = 0;
                cursor.credit =
                    cursor.credit > summary.gcd ? cursor.credit - summary.gcd : summary.start();
            }
            if (members[position].weight < cursor.credit) continue;
            cursor.position = position;
            return members[position].name;
        }
        return '-';
    }
    std::string next(int times) {
        std::string sequence;
        while (times-- > 0) sequence += next();
        return sequence;
    }
};

TEST(WeightSummary, TakesTheDivisorAndTheLargestOfTheWeights) {
    const auto summary = summarise(Weights{4, 0, 6});
    EXPECT_EQ(2u, summary.gcd);
    EXPECT_EQ(6u, summary.max);
    EXPECT_EQ(5u, summary.start());
}

TEST(WeightSummary, OfNothingHasDivisorOne) {
    for (const auto& weights : {Weights{}, Weights{0}, Weights{0, 0}}) {
        EXPECT_EQ(1u, summarise(weights).gcd);
        EXPECT_EQ(0u, summarise(weights).max);
        EXPECT_EQ(0u, summarise(weights).start());
    }
}

TEST(Cursor, IsTheSameAfterPackingAndUnpacking) {
    for (const Cursor cursor : {Cursor{}, Cursor{0, 0}, Cursor{7, 2147483647}})
        EXPECT_EQ(cursor, Cursor::unpack(cursor.pack()));
}

TEST(RoundRobinCursor, MovesWithItsServerWhenOneIsPutInFront) {
    EXPECT_EQ((Cursor{3, 0}), after_insert({2, 0}, kRr, {}));
}

TEST(RoundRobinCursor, StaysAtTheStartWhenAServerIsAdded) {
    EXPECT_EQ(Cursor{}, after_insert({}, kRr, {}));
}

TEST(RoundRobinCursor, StaysWhenAServerBehindItGoes) {
    EXPECT_EQ((Cursor{1, 0}), after_remove({1, 0}, kRr, 2, {}));
}

TEST(RoundRobinCursor, MovesWithItsServerWhenOneBeforeItGoes) {
    EXPECT_EQ((Cursor{1, 0}), after_remove({2, 0}, kRr, 0, {}));
}

TEST(RoundRobinCursor, FallsBackToTheOneBeforeWhenItsServerGoes) {
    EXPECT_EQ((Cursor{1, 0}), after_remove({2, 0}, kRr, 2, {}));
    EXPECT_EQ((Cursor{ISOBAR_SET_START, 0}), after_remove({0, 0}, kRr, 0, {}));
}

TEST(RoundRobinCursor, DoesNotCareForWeights) {
    EXPECT_EQ((Cursor{2, 0}), after_edit({2, 0}, kRr, summarise(Weights{1, 5})));
}

TEST(WeightedRoundRobinCursor, AddingWeightsOneTwoThreeLeadsToTheOrderOfIpvs) {
    Set set;
    set.add('1', 1);
    set.add('2', 2);
    set.add('3', 3);
    EXPECT_EQ("321332321332", set.next(12));
}

TEST(WeightedRoundRobinCursor, AddingEqualWeightsLeadsToPlainTurns) {
    Set set;
    set.add('1', 5);
    set.add('2', 5);
    EXPECT_EQ("212121", set.next(6));
}

TEST(WeightedRoundRobinCursor, StartsTheListAgainAfterAnyChange) {
    const auto weights = summarise(Weights{1, 2, 3});
    EXPECT_EQ((Cursor{ISOBAR_SET_START, 2}), after_insert({1, 2}, kWrr, weights));
    EXPECT_EQ((Cursor{ISOBAR_SET_START, 2}), after_remove({1, 2}, kWrr, 0, weights));
    EXPECT_EQ((Cursor{ISOBAR_SET_START, 2}), after_edit({1, 2}, kWrr, weights));
}

TEST(WeightedRoundRobinCursor, NeverStandsAboveTheLargestWeight) {
    EXPECT_EQ(3u, after_edit({0, 9}, kWrr, summarise(Weights{1, 3})).credit);
    EXPECT_EQ(0u, after_remove({0, 9}, kWrr, 0, summarise(Weights{})).credit);
}

// ip_vs_wrr_dest_changed(): cw = cw / di * di + 1
TEST(WeightedRoundRobinCursor, MovesToAStepOfTheDivisor) {
    EXPECT_EQ(5u, after_edit({0, 4}, kWrr, summarise(Weights{4, 8})).credit);
    EXPECT_EQ(1u, after_edit({0, 3}, kWrr, summarise(Weights{4, 8})).credit);
}

TEST(NewCursor, StandsAtTheStartWithTheLargestWeight) {
    EXPECT_EQ((Cursor{ISOBAR_SET_START, 3}), initial(summarise(Weights{1, 2, 3})));
    EXPECT_EQ((Cursor{ISOBAR_SET_START, 5}), initial(summarise(Weights{2, 6})));
}

}  // namespace
}  // namespace isobar::scheduling
