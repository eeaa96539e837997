// SPDX-License-Identifier: Apache-2.0
#include "base/printable.h"

#include <gtest/gtest.h>

namespace isobar {
namespace {

TEST(Printable, LeavesOrdinaryTextAlone) {
    EXPECT_EQ(printable(""), "");
    EXPECT_EQ(printable("weight = 1 # Gewicht: schön, 重み, 🐧"),
              "weight = 1 # Gewicht: schön, 重み, 🐧");
}

TEST(Printable, WritesOutWhatATerminalWouldObey) {
    EXPECT_EQ(printable("a\nb\r\tc"), "a\\nb\\r\\tc");
    EXPECT_EQ(printable("\x1b[2J\x7f"), "\\x1b[2J\\x7f");
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
    EXPECT_EQ(printable("\u0085\u202e\u2066\u2028"), "\\u{85}\\u{202e}\\u{2066}\\u{2028}");
}

TEST(Printable, WritesOutBytesThatAreNotUtf8) {
    EXPECT_EQ(printable("\xff"), "\\xff");
    EXPECT_EQ(printable("\xc3"), "\\xc3");                             // cut off
    EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
    EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
    EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // > U+10FFFF
}

TEST(CodePoint, TellsNumberAndLength) {
    EXPECT_EQ(first_code_point("é!")->value, U'é');
    EXPECT_EQ(first_code_point("é!")->bytes, 2U);
    EXPECT_EQ(first_code_point("🐧")->bytes, 4U);
    EXPECT_FALSE(first_code_point(""));
}

}  // namespace
}  // namespace isobar
