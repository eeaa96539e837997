// SPDX-License-Identifier: Apache-2.0
#include "health/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobar::health {
namespace {

using Match = model::Expectation::Match;
using Verdict = Matcher::Verdict;

Matcher prefix(std::string text) {
    return Matcher::make({std::move(text), Match::Prefix}).value();
}
Matcher regex(std::string text) {
    return Matcher::make({std::move(text), Match::Regex}).value();
}

TEST(Matcher, APrefixIsKnownAsSoonAsItDiffers) {
    const Matcher matcher = prefix("+OK");
    EXPECT_EQ(matcher.look(""), Verdict::More);
    EXPECT_EQ(matcher.look("+O"), Verdict::More);
    EXPECT_EQ(matcher.look("-"), Verdict::No);
    EXPECT_EQ(matcher.look("+OK"), Verdict::Yes);
    EXPECT_EQ(matcher.look("+OK ready"), Verdict::Yes);
}

TEST(Matcher, AStarIsAnyByte) {
    EXPECT_EQ(prefix("*").look(""), Verdict::More);
    EXPECT_EQ(prefix("*").look(std::string_view("\0", 1)), Verdict::Yes);
    EXPECT_EQ(prefix("**").look("x"), Verdict::No);
}

TEST(Matcher, NothingExpectedIsThereAtOnce) {
    EXPECT_EQ(prefix("").look(""), Verdict::Yes);
}

TEST(Matcher, ARegularExpressionIsFoundAnywhere) {
    const Matcher matcher = regex("(up|ready)[0-9]+");
    EXPECT_EQ(matcher.look("not rea"), Verdict::More);
    EXPECT_EQ(matcher.look("line\nready42\n"), Verdict::Yes);
}

TEST(Matcher, ANulIsAByteLikeAnyOther) {
    using std::string_view_literals::operator""sv;
    EXPECT_EQ(regex("ready").look("\0\0ready"sv), Verdict::Yes);
    EXPECT_EQ(regex("a[^x]b").look("a\0b"sv), Verdict::Yes);
    EXPECT_EQ(regex("^$").look("\0"sv), Verdict::More);
    EXPECT_EQ(prefix(std::string("a\0b", 3)).look("a\0c"sv), Verdict::No);
}

TEST(Matcher, LooksNoFurtherThanTheAnswer) {
    EXPECT_EQ(regex("ready").look(std::string_view("ready").substr(0, 4)), Verdict::More);
    EXPECT_EQ(regex("^$").look({}), Verdict::Yes);
}

TEST(Matcher, ABrokenExpressionSaysWhatIsWrong) {
    const auto made = Matcher::make({"(", Match::Regex});
    ASSERT_FALSE(made.has_value());
    EXPECT_THAT(made.error().message, testing::HasSubstr("regular expression '('"));
}

}  // namespace
}  // namespace isobar::health
