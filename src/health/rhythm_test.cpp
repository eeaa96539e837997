// SPDX-License-Identifier: Apache-2.0
#include "health/rhythm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace isobar::health {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Time = Rhythm::Clock::time_point;

const Time kStart{std::chrono::hours(1)};

TEST(Rhythm, DoesNotDriftHoweverLongAttemptsTake) {
    Rhythm rhythm(kStart, seconds(5), seconds(5), 1, 3);
    const Time first = rhythm.due();

    for (int i = 1; i <= 1000; ++i) {
        rhythm.advance(rhythm.due() + milliseconds(i % 4000));
        EXPECT_EQ(rhythm.due(), first + i * seconds(5));
    }
}

TEST(Rhythm, LeavesOutWhatIsPast) {
    Rhythm rhythm(kStart, seconds(5), seconds(5), 1, 3);
    const Time first = rhythm.due();

    rhythm.advance(first + seconds(12));

    EXPECT_EQ(rhythm.due(), first + seconds(15));
}

TEST(Rhythm, OneOutOfTurnMovesNoOther) {
    Rhythm rhythm(kStart, seconds(5), seconds(5), 1, 3);
    const Time first = rhythm.due();
    rhythm.advance(first);

    rhythm.again_at(first + milliseconds(500));
    EXPECT_EQ(rhythm.due(), first + milliseconds(500));
    rhythm.advance(first + milliseconds(600));

    EXPECT_EQ(rhythm.due(), first + seconds(5));
}

TEST(Rhythm, TheFirstComesSoonAndTheRestIsSpread) {
    std::array<int, 50> filled{};
    for (std::uint64_t i = 0; i < 1000; ++i) {
        Rhythm rhythm(kStart, seconds(5), seconds(1), 42, i);
        const Time first = rhythm.due();
        EXPECT_LT(first, kStart + seconds(1));
        rhythm.advance(first);
        EXPECT_GE(rhythm.due() - first, milliseconds(2500));
        EXPECT_LT(rhythm.due() - first, milliseconds(7500));
        const auto slot = (rhythm.due() - kStart) % seconds(5) / milliseconds(100);
        ++filled.at(static_cast<std::size_t>(slot));
    }
    EXPECT_GE(*std::min_element(filled.begin(), filled.end()), 19);
    EXPECT_LE(*std::max_element(filled.begin(), filled.end()), 21);
}

TEST(Rhythm, IsTheSameForTheSameSeedOnly) {
    EXPECT_EQ(Rhythm(kStart, seconds(5), seconds(5), 7, 1).due(),
              Rhythm(kStart, seconds(5), seconds(5), 7, 1).due());
    EXPECT_NE(Rhythm(kStart, seconds(5), seconds(5), 7, 1).due(),
              Rhythm(kStart, seconds(5), seconds(5), 8, 1).due());
}

TEST(Rhythm, AnIntervalOfNothingIsAMillisecond) {
    Rhythm rhythm(kStart, seconds(0), seconds(1), 7, 1);
    rhythm.advance(kStart + seconds(1));
    EXPECT_GT(rhythm.due(), kStart + seconds(1));
}

}  // namespace
}  // namespace isobar::health
