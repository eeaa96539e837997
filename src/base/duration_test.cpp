// SPDX-License-Identifier: Apache-2.0
#include "base/duration.h"

#include <gtest/gtest.h>

namespace isobar {
namespace {

using std::chrono::milliseconds;

TEST(Duration, IsANumberAndAUnit) {
    EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
    EXPECT_EQ(parse_duration("60s"), std::chrono::seconds(60));
    EXPECT_EQ(parse_duration("5m"), std::chrono::minutes(5));
    EXPECT_EQ(parse_duration("2h"), std::chrono::hours(2));
    EXPECT_EQ(parse_duration("1d"), std::chrono::days(1));
    for (const char* text : {"", "5", "s", "-1s", "1.5s", "1 s", "5x", "99999999999s"})
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(Duration, IsShownInItsLargestUnit) {
    EXPECT_EQ(short_duration(milliseconds(0)), "0s");
    EXPECT_EQ(short_duration(std::chrono::seconds(90)), "90s");
    EXPECT_EQ(short_duration(std::chrono::minutes(120)), "2h");
    EXPECT_EQ(short_duration(milliseconds(1500)), "1500ms");
}

}  // namespace
}  // namespace isobar
