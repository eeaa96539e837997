// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace isobar {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ParseUnsigned, TakesTheWholeTextOrNothing) {
    EXPECT_EQ(parse_unsigned<std::uint16_t>("65535"), 65535);
    EXPECT_EQ(parse_unsigned<std::uint32_t>("080"), 80u);
    EXPECT_EQ(parse_unsigned<std::uint32_t>("fFffFfff", 16), 0xffffffffu);
    for (const char* text : {"", "65536", "-1", "+1", " 1", "1 ", "1x", "0x1"})
        EXPECT_FALSE(parse_unsigned<std::uint16_t>(text)) << text;
}

TEST(Split, LeavesEmptyPartsOut) {
    EXPECT_THAT(split("a,bc,d", ','), ElementsAre("a", "bc", "d"));
    EXPECT_THAT(split(",,a,,b,", ','), ElementsAre("a", "b"));
    EXPECT_THAT(split("a,b", ' '), ElementsAre("a,b"));
    EXPECT_THAT(split(",", ','), IsEmpty());
    EXPECT_THAT(split("", ','), IsEmpty());
}

}  // namespace
}  // namespace isobar
