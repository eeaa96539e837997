// SPDX-License-Identifier: Apache-2.0
#include "isobar/countdown.h"

#include <gtest/gtest.h>

namespace isobar::cli {
namespace {

using std::chrono::seconds;

Countdown::Time at(int second) {
    return Countdown::Time(seconds(1000 + second));
}

TEST(Countdown, TellsTheRestByWhatHasGone) {
    Countdown countdown;
    countdown.add(at(0), 40);
    EXPECT_EQ(countdown.rest(), std::nullopt);
    countdown.add(at(10), 30);

    EXPECT_EQ(countdown.rest(), seconds(30));
    EXPECT_EQ(countdown.bar(8), "[##------]");
    EXPECT_EQ(countdown.left(), 30U);
    EXPECT_EQ(countdown.most(), 40U);
}

TEST(Countdown, ForgetsHowItWasHalfAMinuteAgo) {
    Countdown countdown;
    countdown.add(at(0), 1000);
    countdown.add(at(1), 10);
    countdown.add(at(32), 10);

    EXPECT_EQ(countdown.rest(), std::nullopt) << "nothing goes any more";
}

TEST(Countdown, OfNothingIsAtItsEnd) {
    Countdown countdown;
    EXPECT_EQ(countdown.left(), 0U);
    EXPECT_EQ(countdown.bar(4), "[####]");
    countdown.add(at(0), 0);
    EXPECT_EQ(countdown.rest(), std::nullopt);
}

}  // namespace
}  // namespace isobar::cli
