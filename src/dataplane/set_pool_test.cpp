// SPDX-License-Identifier: Apache-2.0
#include "dataplane/set_pool.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace isobar::dataplane {
namespace {

TEST(SetPool, NeverGivesOutElementZero) {
    SetPool pool(4);
    std::uint32_t hand = 0;
    EXPECT_EQ(1u, pool.allocate(3, hand));
    EXPECT_EQ(std::nullopt, pool.allocate(1, hand));
}

TEST(SetPool, OfNoElementsHasNoRoom) {
    for (const std::uint32_t size : {0u, 1u}) {
        SetPool pool(size);
        std::uint32_t hand = 0;
        EXPECT_EQ(std::nullopt, pool.allocate(1, hand));
    }
}

TEST(SetPool, GoesOnBehindTheBlockGivenLast) {
    SetPool pool(100);
    std::uint32_t hand = 0;
    EXPECT_EQ(1u, pool.allocate(10, hand));
    pool.release(1, 10);
    EXPECT_EQ(11u, pool.allocate(10, hand));
    EXPECT_EQ(21u, hand);
}

TEST(SetPool, ReusesTheBlockGivenUpWhenItHasGoneRound) {
    SetPool pool(31);
    std::uint32_t hand = 0;
    EXPECT_EQ(1u, pool.allocate(10, hand));
    pool.release(1, 10);
    EXPECT_EQ(11u, pool.allocate(10, hand));
    EXPECT_EQ(21u, pool.allocate(10, hand));
    EXPECT_EQ(1u, pool.allocate(10, hand));
}

TEST(SetPool, SaysWhenNoBlockIsLongEnough) {
    SetPool pool(31);
    std::uint32_t hand = 0;
    pool.take(11, 10);
    EXPECT_FALSE(pool.has_room(11));
    EXPECT_EQ(std::nullopt, pool.allocate(11, hand));
    EXPECT_EQ(0u, hand);
    EXPECT_TRUE(pool.has_room(10));
    EXPECT_EQ(1u, pool.allocate(10, hand));
}

TEST(SetPool, JoinsNeighboursThatAreGivenUpInAnyOrder) {
    for (const auto& order : {std::vector{1u, 11u, 21u}, {21u, 11u, 1u}, {1u, 21u, 11u}}) {
        SetPool pool(31);
        pool.take(1, 10);
        pool.take(11, 10);
        pool.take(21, 10);
        for (const auto first : order) pool.release(first, 10);
        std::uint32_t hand = 0;
        EXPECT_EQ(1u, pool.allocate(30, hand));
    }
}

TEST(SetPool, KeepsClearOfWhatWasFoundInUse) {
    SetPool pool(40);
    pool.take(5, 10);
    std::uint32_t hand = 0;
    EXPECT_EQ(1u, pool.allocate(4, hand));
    EXPECT_EQ(15u, pool.allocate(4, hand));
}

TEST(SetPool, NeverGivesAnElementTwice) {
    constexpr std::uint32_t kSize = 200;
    SetPool pool(kSize);
    std::mt19937 random(1);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> given;
    std::vector<bool> used(kSize);
    std::uint32_t hand = 0;
    for (int i = 0; i < 5000; ++i) {
        const auto length = static_cast<std::uint32_t>(random() % 20 + 1);
        if (const auto first = pool.allocate(length, hand)) {
            for (auto at = *first; at < *first + length; ++at) {
                ASSERT_LT(at, kSize);
                ASSERT_FALSE(used[at]);
                used[at] = true;
            }
            given.emplace_back(*first, length);
        }
        if (given.size() > 8) {
            const auto which = random() % given.size();
            const auto [first, size] = given[which];
            pool.release(first, size);
            for (auto at = first; at < first + size; ++at) used[at] = false;
            given.erase(given.begin() + static_cast<std::ptrdiff_t>(which));
        }
    }
    for (const auto& [first, size] : given) pool.release(first, size);
    EXPECT_TRUE(pool.allocate(kSize - 1, hand).has_value());
}

}  // namespace
}  // namespace isobar::dataplane
