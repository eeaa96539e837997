// SPDX-License-Identifier: Apache-2.0
#include "config/suggest.h"

#include <gtest/gtest.h>

#include "config/syntax_hint.h"

namespace isobar::config {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
    EXPECT_EQ(edit_distance("weight", "weight"), 0U);
    EXPECT_EQ(edit_distance("wieght", "weight"), 1U);
    EXPECT_EQ(edit_distance("weigth", "weight"), 1U);
    EXPECT_EQ(edit_distance("weights", "weight"), 1U);
    EXPECT_EQ(edit_distance("eight", "weight"), 1U);
    EXPECT_EQ(edit_distance("freight", "weight"), 2U);
    EXPECT_EQ(edit_distance("", "weight"), 6U);
    EXPECT_EQ(edit_distance("Weight", "weight"), 0U);
}

TEST(Suggestion, NamesTheNearestWordOrAllOfThem) {
    EXPECT_EQ(suggestion("wieght", {"address", "weight"}), "did you mean 'weight'?");
    EXPECT_EQ(suggestion("services", {"director", "service"}), "did you mean 'service'?");
    EXPECT_EQ(suggestion("Weight", {"address", "weight"}), "did you mean 'weight'?");
    EXPECT_EQ(suggestion("w1c", {"rr", "wrr", "lc", "wlc"}), "did you mean 'wlc'?");
    EXPECT_EQ(suggestion("protocol", {"address", "weight"}), "known here: address, weight");
    EXPECT_EQ(suggestion("", {"rr", "lc"}), "known here: rr, lc");
    EXPECT_EQ(suggestion(std::string(100000, 'w'), {"rr", "lc"}), "known here: rr, lc");
}

TEST(SyntaxHint, TellsWhatTheAuthorProbablyMeant) {
    EXPECT_EQ(syntax_hint("name = web", "value: could not determine value type"),
              "text stands in quotes: \"web\"");
    EXPECT_EQ(syntax_hint("tcp = 5s # idle", "decimal integer: expected digit, saw 's'"),
              "text stands in quotes: \"5s\"");
    EXPECT_EQ(syntax_hint("manage_sysctls = True", "boolean: expected 'true', saw 'T'"),
              "write true");
    EXPECT_EQ(syntax_hint("name: \"web\"", "key-value pair: expected '=', saw ':'"),
              "a line is a key and a value, as in: name = \"web\"");
    EXPECT_EQ(syntax_hint("[[service]", "table header: expected ']', saw '\\n'"),
              "a header stands on a line of its own: [[service]]");
    EXPECT_EQ(syntax_hint("a = \n", "key-value pair: expected value, saw '\\n'"), "");
}

}  // namespace
}  // namespace isobar::config
