// SPDX-License-Identifier: Apache-2.0
#include "load/damped.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace isobar::load {
namespace {

model::Endpoint server(int number) {
    return {{}, static_cast<model::Port>(number)};
}

Seen with_load(double load, model::Weight configured = 1) {
    return {.configured = configured, .reading = Reading{load, {}}, .fresh = true, .trouble = ""};
}

Seen with_percent(double percent) {
    return {.configured = 4, .reading = Reading{{}, percent}, .fresh = true, .trouble = ""};
}

TEST(Damped, LetsEqualLoadsStandStill) {
    Damped damped(10, 1000);
    for (const double load : {0.0, 0.7, 12.0}) {
        const auto steered =
            damped.correct({{server(1), with_load(load)}, {server(2), with_load(load, 5)}});
        EXPECT_EQ(steered.at(server(1)).weight, 100U);
        EXPECT_EQ(steered.at(server(2)).weight, 500U);
    }
}

TEST(Damped, TakesNoNoticeOfLoadsThatAreNextToNothing) {
    Damped damped(10, 1000);

    const auto steered =
        damped.correct({{server(1), with_load(0.001)}, {server(2), with_load(0.0)}});

    EXPECT_EQ(steered.at(server(1)).weight, 100U);
}

TEST(Damped, GivesLessToWhoHasMoreAndSaysWhy) {
    Damped damped(10, 1000);

    const auto steered = damped.correct({{server(1), with_load(2.1)}, {server(2), with_load(0.1)}});

    EXPECT_LT(steered.at(server(1)).weight, 100U);
    EXPECT_GE(steered.at(server(1)).weight, 50U);  // no more than half at once
    EXPECT_GT(steered.at(server(2)).weight, 100U);
    EXPECT_EQ(steered.at(server(1)).reason, "load 2.10 (mean 1.10)");
}

TEST(Damped, StaysWithinItsBounds) {
    Damped damped(50, 200);
    SteeredServers steered;
    for (int i = 0; i < 100; ++i)
        steered = damped.correct({{server(1), with_load(9)}, {server(2), with_load(0)}});

    EXPECT_EQ(steered.at(server(1)).weight, 50U);
    EXPECT_EQ(steered.at(server(2)).weight, 200U);
}

TEST(Damped, LetsEqualLoadsStandStillAtABoundToo) {
    Damped damped(20, 1000);
    for (int i = 0; i < 4; ++i)
        damped.correct({{server(1), with_load(3)}, {server(2), with_load(1)}});

    const auto before = damped.correct({{server(1), with_load(3)}, {server(2), with_load(3)}});
    const auto after = damped.correct({{server(1), with_load(3)}, {server(2), with_load(3)}});

    EXPECT_EQ(before, after);
}

TEST(Damped, AnAnswerThatIsLateMovesNobody) {
    Damped damped(20, 1000);
    SeenServers seen{{server(1), with_load(3)}, {server(2), with_load(1)}};
    for (int i = 0; i < 4; ++i) damped.correct(seen);
    seen.at(server(2)) = with_load(3);
    const auto before = damped.correct(seen);

    seen.at(server(2)).fresh = false;

    EXPECT_EQ(damped.correct(seen), before);
}

TEST(Damped, HoldsWithoutAReadingThenGoesBackSlowly) {
    Damped damped(10, 1000);
    SeenServers seen{{server(1), with_load(2)}, {server(2), with_load(1)}};
    damped.correct(seen);
    const auto held = damped.correct(seen).at(server(1)).weight;
    ASSERT_LT(held, 95U);

    auto& mute = seen.at(server(1));
    mute.fresh = false;
    mute.reading.reset();
    mute.trouble = "connection refused";

    for (int i = 0; i < 3; ++i) EXPECT_EQ(damped.correct(seen).at(server(1)).weight, held);
    const auto next = damped.correct(seen).at(server(1));
    EXPECT_GT(next.weight, held);
    EXPECT_LT(next.weight, 100U);
    EXPECT_EQ(next.reason, "no load known: connection refused");
    for (int i = 0; i < 120; ++i) damped.correct(seen);
    EXPECT_EQ(damped.correct(seen).at(server(1)).weight, 100U);
}

TEST(Damped, DoesNotLookAtServersThatGetNothing) {
    Damped damped(10, 1000);
    SeenServers seen{
        {server(1), with_load(1)}, {server(2), with_load(1)}, {server(3), with_load(0)}};
    seen.at(server(3)).serves = false;

    for (int i = 0; i < 50; ++i) damped.correct(seen);

    const auto steered = damped.correct(seen);
    EXPECT_EQ(steered.at(server(1)), (Steered{100, "load 1.00 (mean 1.00)"}));
    EXPECT_EQ(steered.at(server(3)).weight, 100U);  // it does not return with ten times as much
}

TEST(Damped, GivesAnAgentWhatItAsksForAtOnce) {
    Damped damped(1, 1000);

    EXPECT_EQ(damped.correct({{server(1), with_percent(75)}}).at(server(1)),
              (Steered{300, "75 % by its agent"}));
    EXPECT_EQ(damped.correct({{server(1), with_percent(0)}}).at(server(1)).weight, 0U);
}

TEST(Damped, FollowsAnAgentThatGoesToAndFroEverLess) {
    Damped damped(10, 1000);
    std::vector<double> swings;
    double last = 400;
    for (int i = 0; i < 12; ++i) {
        const auto steered = damped.correct({{server(1), with_percent(i % 2 == 0 ? 20 : 100)}});
        swings.push_back(std::abs(steered.at(server(1)).weight - last));
        last = steered.at(server(1)).weight;
    }

    EXPECT_GT(swings[0], 300);
    EXPECT_LT(swings[10], swings[0] / 100);
}

// The argument of docs/decisions/024: whatever a server answers to its weight (by a power of it up
// to 4, up to 5 corrections late), its error shrinks to the dead band in the end.
TEST(Damped, ShrinksEverySwing) {
    rc::check("the last swing is small", [] {
        const double elasticity = *rc::gen::inRange(1, 41) / 10.0;
        const auto late = static_cast<std::size_t>(*rc::gen::inRange(0, 6));
        const double capacity = *rc::gen::inRange(2, 17);
        Damped damped(1, 10000);
        std::vector<double> ratios{1};  // of the weights, server 1 : 2
        for (int i = 0; i < 600; ++i) {
            const double then = ratios[ratios.size() - 1 - std::min(late, ratios.size() - 1)];
            const double first = 10 * std::pow(then / (1 + then), elasticity);
            const double second = 10 * std::pow(1 / (1 + then) / capacity, elasticity);
            const auto steered = damped.correct(
                {{server(1), with_load(first, 10)}, {server(2), with_load(second, 10)}});
            ratios.push_back(static_cast<double>(steered.at(server(1)).weight) /
                             steered.at(server(2)).weight);
        }
        double least = ratios.back(), most = ratios.back();
        for (std::size_t i = ratios.size() - 100; i < ratios.size(); ++i) {
            least = std::min(least, ratios[i]);
            most = std::max(most, ratios[i]);
        }
        RC_ASSERT(most / least < 1.1);
    });
}

}  // namespace
}  // namespace isobar::load
