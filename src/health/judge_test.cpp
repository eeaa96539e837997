// SPDX-License-Identifier: Apache-2.0
#include "health/judge.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <utility>
#include <vector>

namespace isobar::health {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = Outcome::Kind;
using Next = Judge::Next;

model::Check plain() {
    model::Check check;
    check.retries = 0;
    return check;
}

// Tells a judge one result a second.
class Story {
public:
    explicit Story(const model::Check& check) : judge(check) {}
    Next hear(Kind kind) {
        now += seconds(1);
        return judge.hear(kind, now);
    }
    Health after(int times, Kind kind) {
        for (int i = 0; i < times; ++i) hear(kind);
        return judge.health();
    }
    Judge judge;
    Clock::time_point now;
};

TEST(Judge, IsUnknownUntilItsFirstVerdict) {
    EXPECT_EQ(Judge(plain()).health(), Health::Unknown);
}

TEST(Judge, TheFirstGoodOneBringsAServerInAtOnce) {
    model::Check check = plain();
    check.rise = 3;
    check.reentry = seconds(180);
    Story story(check);

    EXPECT_EQ(story.after(1, Kind::Good), Health::Up);
}

TEST(Judge, TheFirstBadOneIsAVerdictToo) {
    model::Check check = plain();
    check.fall = 3;
    Story story(check);

    EXPECT_EQ(story.after(1, Kind::Bad), Health::Down);
}

TEST(Judge, OneThatBeginsUpFallsLikeAnyOther) {
    model::Check check = plain();
    check.begins_up = true;
    check.fall = 2;
    Story story(check);

    EXPECT_EQ(story.after(1, Kind::Bad), Health::Up);
    EXPECT_EQ(story.after(1, Kind::Bad), Health::Down);
}

TEST(Judge, FallCountsBadOnesInARow) {
    model::Check check = plain();
    check.fall = 3;
    Story story(check);
    story.after(1, Kind::Good);

    EXPECT_EQ(story.after(2, Kind::Bad), Health::Up);
    EXPECT_EQ(story.after(1, Kind::Good), Health::Up);
    EXPECT_EQ(story.after(2, Kind::Bad), Health::Up);
    EXPECT_EQ(story.after(1, Kind::Bad), Health::Down);
}

TEST(Judge, RiseCountsGoodOnesInARow) {
    model::Check check = plain();
    check.rise = 2;
    Story story(check);
    story.after(1, Kind::Bad);

    EXPECT_EQ(story.after(1, Kind::Good), Health::Down);
    EXPECT_EQ(story.judge.waiting(story.now), "good 1 times of 2");
    story.after(1, Kind::Bad);
    EXPECT_EQ(story.after(1, Kind::Good), Health::Down);
    EXPECT_EQ(story.after(1, Kind::Good), Health::Up);
}

TEST(Judge, RetriesComeBeforeABadOneCounts) {
    model::Check check = plain();
    check.retries = 2;
    Story story(check);
    story.after(1, Kind::Good);

    EXPECT_EQ(story.hear(Kind::Bad), Next::Retry);
    EXPECT_EQ(story.hear(Kind::Bad), Next::Retry);
    EXPECT_EQ(story.judge.health(), Health::Up);
    EXPECT_EQ(story.hear(Kind::Bad), Next::AsPlanned);
    EXPECT_EQ(story.judge.health(), Health::Down);
}

TEST(Judge, AGoodRetryForgetsTheFailure) {
    model::Check check = plain();
    check.retries = 1;
    Story story(check);
    story.after(1, Kind::Good);

    EXPECT_EQ(story.hear(Kind::Bad), Next::Retry);
    EXPECT_EQ(story.hear(Kind::Good), Next::AsPlanned);
    EXPECT_EQ(story.hear(Kind::Bad), Next::Retry);
}

TEST(Judge, AServerThatIsDownIsNotRetried) {
    model::Check check = plain();
    check.retries = 2;
    Story story(check);
    story.after(3, Kind::Bad);
    ASSERT_EQ(story.judge.health(), Health::Down);

    EXPECT_EQ(story.hear(Kind::Bad), Next::AsPlanned);
}

TEST(Judge, ReentryWantsGoodOnesWithoutInterruption) {
    model::Check check = plain();
    check.reentry = seconds(10);
    Story story(check);
    story.after(1, Kind::Bad);

    EXPECT_EQ(story.after(10, Kind::Good), Health::Down);  // the first of them was 9 s ago
    EXPECT_EQ(story.judge.waiting(story.now), "good for 9s of 10s");
    EXPECT_EQ(story.after(1, Kind::Bad), Health::Down);
    EXPECT_EQ(story.after(10, Kind::Good), Health::Down);
    EXPECT_EQ(story.after(1, Kind::Good), Health::Up);
}

TEST(Judge, WhatCouldNotBeMadeSaysNothing) {
    model::Check check = plain();
    check.fall = 2;
    Story story(check);
    story.after(1, Kind::Good);
    story.after(1, Kind::Bad);

    EXPECT_EQ(story.after(100, Kind::NotMade), Health::Up);
    EXPECT_EQ(story.after(1, Kind::Bad), Health::Down);
}

TEST(Judge, AFlappingServerIsHeldDownUntilItIsStable) {
    Story story(plain());
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(story.after(1, Kind::Good), Health::Up);
        EXPECT_EQ(story.after(1, Kind::Bad), Health::Down);
    }
    EXPECT_FALSE(story.judge.damped());

    EXPECT_EQ(story.after(1, Kind::Good), Health::Down);
    EXPECT_TRUE(story.judge.damped());
    EXPECT_EQ(story.judge.waiting(story.now), "it changed 6 times in a minute: good for 0s of 60s");
    story.after(30, Kind::Good);
    story.after(1, Kind::Bad);
    EXPECT_TRUE(story.judge.damped());
    EXPECT_EQ(story.after(60, Kind::Good), Health::Down);
    EXPECT_EQ(story.after(1, Kind::Good), Health::Up);
    EXPECT_FALSE(story.judge.damped());
}

TEST(Judge, ARecalledServerGoesOnAsItWas) {
    model::Check check = plain();
    check.reentry = seconds(5);
    Story story(check);
    story.judge.recall(Health::Down, true);

    EXPECT_TRUE(story.judge.damped());
    EXPECT_EQ(story.after(60, Kind::Good), Health::Down);
    EXPECT_EQ(story.after(1, Kind::Good), Health::Up);
}

// Whatever is heard, at whatever times, by whatever rules.
TEST(Judge, NeverChangesMoreThanSixTimesInAnyMinute) {
    const bool held = rc::check([] {
        model::Check check;
        check.rise = *rc::gen::inRange(0U, 4U);
        check.fall = *rc::gen::inRange(0U, 4U);
        check.retries = *rc::gen::inRange(0U, 3U);
        check.reentry = seconds(*rc::gen::inRange(0, 5));
        check.begins_up = *rc::gen::arbitrary<bool>();
        const auto results = *rc::gen::container<std::vector<std::pair<int, bool>>>(
            rc::gen::pair(rc::gen::inRange(1, 8000), rc::gen::arbitrary<bool>()));

        Judge judge(check);
        std::vector<Clock::time_point> changes;
        Clock::time_point now;
        for (const auto& [pause, is_good] : results) {
            now += milliseconds(pause);
            const Health before = judge.health();
            judge.hear(is_good ? Kind::Good : Kind::Bad, now);
            if (judge.health() == before) continue;
            changes.push_back(now);
            const std::size_t n = changes.size();
            if (n > kMostChanges) RC_ASSERT(now - changes[n - 1 - kMostChanges] >= kWindow);
        }
    });
    EXPECT_TRUE(held);
}

// Never up without the good ones that are wanted, never down without the bad ones.
TEST(Judge, HearsAllThatItWants) {
    const bool held = rc::check([] {
        model::Check check = plain();
        check.rise = *rc::gen::inRange(1U, 4U);
        check.fall = *rc::gen::inRange(1U, 4U);
        check.reentry = seconds(*rc::gen::inRange(0, 10));
        const auto results = *rc::gen::arbitrary<std::vector<bool>>();

        Story story(check);
        unsigned in_a_row = 0;
        bool last = true;
        Health before = Health::Unknown;
        for (const bool is_good : results) {
            in_a_row = is_good == last ? in_a_row + 1 : 1;
            last = is_good;
            story.hear(is_good ? Kind::Good : Kind::Bad);
            const Health after = story.judge.health();
            if (before == Health::Down && after == Health::Up) {
                RC_ASSERT(is_good && in_a_row >= check.rise);
                RC_ASSERT(seconds(in_a_row - 1) >= check.reentry);
            }
            if (before == Health::Up && after == Health::Down) {
                RC_ASSERT(!is_good && in_a_row >= check.fall);
            }
            before = after;
        }
    });
    EXPECT_TRUE(held);
}

}  // namespace
}  // namespace isobar::health
