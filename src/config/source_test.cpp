// SPDX-License-Identifier: Apache-2.0
#include "config/source.h"

#include <gtest/gtest.h>

#include "config/precheck.h"

namespace isobar::config {
namespace {

TEST(Source, LinesComeWithoutTheirEnds) {
    const Source source("f", "one\r\ntwo\n\nfour");

    EXPECT_EQ(source.line(1), "one");
    EXPECT_EQ(source.line(2), "two");
    EXPECT_EQ(source.line(3), "");
    EXPECT_EQ(source.line(4), "four");
    EXPECT_EQ(source.line(5), "");
    EXPECT_EQ(source.line(0), "");
}

TEST(Source, AByteOrderMarkIsNoPartOfTheText) {
    const Source source("f", "\xef\xbb\xbf[director]");

    EXPECT_FALSE(source.refusal());
    EXPECT_EQ(source.line(1), "[director]");
}

TEST(Source, RefusesTextThatIsNotUtf8AndSaysWhere) {
    const auto refusal = Source("f", "ok\nä\xff\n").refusal();

    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->line, 2U);
    EXPECT_EQ(refusal->column, 2U);
    EXPECT_EQ(refusal->message, "byte 0xff is not UTF-8");
}

TEST(Source, RefusesZeroBytesAsBinary) {
    const auto refusal = Source("f", std::string_view("name\0 = 1", 9)).refusal();

    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->line, 1U);
    EXPECT_EQ(refusal->column, 5U);
    EXPECT_EQ(refusal->message, "this is not a text file: a zero byte");
}

TEST(Source, TakesAFileOfOneMebibyteAndNoByteMore) {
    const std::string comment = "#" + std::string(kLargestFile - 1, ' ');

    EXPECT_FALSE(Source("f", comment).refusal());
    const auto refusal = Source("f", comment + "\n").refusal();
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->message, "has 1048577 bytes; a configuration has at most 1048576 (1 MiB)");
}

TEST(Precheck, LetsEverythingPassThatAConfigurationNeeds) {
    for (const char* text : {
             "",
             "[[service]]\nservers = [ { address = \"10.0.0.1\" } ]",
             "a.b.c.d = 1.5",
             "a = [[[[[[[[1]]]]]]]]",
             "a = [\n[1],\n [+2], [\n(nonsense)",
             " [ director ] # x\n[ [a]]\n[[ 'a' ]]\n[\"ä\".b]\n[-]\n[]\n[[]]\n[",
             "# [[[[[[[[[[[[[[[[[[[[[[[[ ......................",
             "a = \"[[[[[[[[[[[[[[[[[[[[ ...................\"",
             "a = '[[[[[[[[[[[[[[[[[[[[ \\' # .............'",
             "a = \"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"",
             "a = \"\"\nb = ''\n",
             "a = \"\\\n",
             "a = \"\\",
             "a = \"unfinished [[[[[[[[[[[[[[[[[[[[[[[[[[",
         }) {
        EXPECT_FALSE(find_unfit(text)) << text;
    }
}

TEST(Precheck, FindsTheBracketThatGoesTooDeep) {
    const std::string many(kDeepestBrackets + 1, '[');

    EXPECT_EQ(find_unfit("a = " + many), (Unfit{Unfit::Why::TooDeep, 4 + kDeepestBrackets}));
    EXPECT_EQ(find_unfit("a = ''+''" + many), (Unfit{Unfit::Why::TooDeep, 9 + kDeepestBrackets}));
    EXPECT_TRUE(find_unfit("a = \"x\nb = " + many));
}

TEST(Precheck, FindsTheDotThatGoesTooDeep) {
    std::string key = "a";
    for (unsigned i = 0; i < kMostDots; ++i) key += " . 'b.c'";

    EXPECT_FALSE(find_unfit(key + " = 1\n" + key + " = 2"));
    EXPECT_EQ(find_unfit(key + ".d = 1"), (Unfit{Unfit::Why::TooDeep, key.size()}));
    EXPECT_EQ(find_unfit("[" + key + ".d]"), (Unfit{Unfit::Why::TooDeep, key.size() + 1}));
}

TEST(Precheck, FindsTheHeaderThatHasNoName) {
    EXPECT_EQ(find_unfit("[[[a]]]"), (Unfit{Unfit::Why::NoTableName, 2}));
    EXPECT_EQ(find_unfit("a = 1\n \t[ =]"), (Unfit{Unfit::Why::NoTableName, 10}));
    EXPECT_EQ(find_unfit("a = [\n]\n[#"), (Unfit{Unfit::Why::NoTableName, 9}));
    EXPECT_EQ(find_unfit("[\n"), (Unfit{Unfit::Why::NoTableName, 1}));
}

TEST(Precheck, FindsCharactersThatNeedQuotes) {
    EXPECT_EQ(find_unfit("[ä]"), (Unfit{Unfit::Why::NotQuoted, 1}));
    EXPECT_EQ(find_unfit("a = \u201cb\u201d"), (Unfit{Unfit::Why::NotQuoted, 4}));
    EXPECT_EQ(find_unfit("a =\u00a0\"b\""), (Unfit{Unfit::Why::NotQuoted, 3}));
    EXPECT_FALSE(find_unfit("# ä\n\"ä\" = 'ä' # ä\nb = \"ä\""));
}

TEST(Precheck, FindsTextOfSeveralLines) {
    EXPECT_EQ(find_unfit("a = \"\"\"x\"\"\""), (Unfit{Unfit::Why::SeveralLines, 4}));
    EXPECT_EQ(find_unfit("a = [ '''\n''' ]"), (Unfit{Unfit::Why::SeveralLines, 6}));
    EXPECT_FALSE(find_unfit("# \"\"\"\na = \"'''\"\nb = '\"\"\"'"));
}

}  // namespace
}  // namespace isobar::config
