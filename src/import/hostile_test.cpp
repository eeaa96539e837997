// SPDX-License-Identifier: Apache-2.0
// What is no configuration at all, or means harm: errors with a place, no crash, and soon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "import/import.h"

namespace isobar::importer {
namespace {

using testing::HasSubstr;

class Hostile : public testing::TestWithParam<Format> {
protected:
    static Imported imported(const std::string& text) {
        return import_text(text, "hostile", GetParam());
    }
};

TEST_P(Hostile, NothingIsAnErrorBecauseAFileMayHaveBeenCutOff) {
    const Imported got = imported("");

    ASSERT_EQ(got.errors.size(), 1U);
    EXPECT_THAT(got.errors[0].text(), HasSubstr("no virtual service"));
    EXPECT_EQ(got.text, "");
}

TEST_P(Hostile, AMebibyteOfGarbageIsRefusedWithoutListingAllOfIt) {
    std::string garbage;
    std::uint32_t state = 1;
    while (garbage.size() < (1U << 20U)) {
        state = state * 1664525U + 1013904223U;
        const auto byte = static_cast<char>(state >> 24U);
        garbage += byte == '\0' ? '\n' : byte;
    }

    const Imported got = imported(garbage);

    EXPECT_FALSE(got.errors.empty());
    EXPECT_LE(got.errors.size(), 100U);
    EXPECT_EQ(got.text, "");
}

TEST_P(Hostile, AZeroByteIsNoText) {
    const Imported got = imported(std::string("# a\n\0b", 6));

    ASSERT_FALSE(got.errors.empty());
    EXPECT_EQ(got.errors[0].line, 2U);
    EXPECT_THAT(got.errors[0].message, HasSubstr("zero byte"));
}

TEST_P(Hostile, AFileOfMoreThanAMebibyteIsRefused) {
    const Imported got = imported(std::string((1U << 20U) + 1, '#'));

    ASSERT_EQ(got.errors.size(), 1U);
    EXPECT_THAT(got.errors[0].message, HasSubstr("at most 1048576"));
}

TEST_P(Hostile, ManyOpenBlocksAreNoDeepRecursion) {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += "virtual {\n";

    EXPECT_FALSE(imported(text).errors.empty());
}

TEST_P(Hostile, OneLongLineIsRead) {
    EXPECT_FALSE(imported(std::string(1U << 20U, 'a')).text.size() > 0);
    EXPECT_FALSE(imported(std::string(1U << 20U, '{')).text.size() > 0);
    EXPECT_FALSE(imported(std::string(1U << 20U, '"')).text.size() > 0);
    EXPECT_FALSE(imported(std::string(1U << 20U, '\\')).text.size() > 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, Hostile, testing::ValuesIn(kFormats));

Imported keepalived(const std::string& text, const Surroundings& surroundings = {}) {
    return import_text(text, "/etc/keepalived/keepalived.conf", Format::Keepalived, surroundings);
}

Surroundings files(const std::map<std::string, std::string>& all) {
    Surroundings surroundings;
    surroundings.find_files = [all](const std::string& pattern) {
        return all.contains(pattern) ? std::vector{pattern} : std::vector<std::string>{};
    };
    surroundings.read_file = [all](const std::string& path) { return std::optional(all.at(path)); };
    return surroundings;
}

const std::string kWeb = "virtual_server 10.0.0.2 80 {\n real_server 10.0.1.1 80 {\n }\n}\n";

TEST(HostileKeepalived, AFileThatIncludesItselfIsNamed) {
    const auto got = keepalived(
        "include a\n" + kWeb,
        files({{"/etc/keepalived/a", "include b\n"}, {"/etc/keepalived/b", "include a\n"}}));

    ASSERT_EQ(got.errors.size(), 1U);
    EXPECT_EQ(got.errors[0].file, "/etc/keepalived/b");
    EXPECT_THAT(got.errors[0].message, HasSubstr("/etc/keepalived/a includes itself"));
}

TEST(HostileKeepalived, ADefinitionThatStandsForItselfEnds) {
    EXPECT_FALSE(keepalived("$A=${A}${A}\n$A\n").errors.empty());
    EXPECT_FALSE(keepalived("$A= \\\n$B \\\n$B\n$B= \\\n$A \\\n$A\n$A\n").errors.empty());
}

TEST(HostileKeepalived, ARepetitionIsBounded) {
    const auto got = keepalived("~SEQ(A, 0, 4000000000) ~SEQ(B, 0, 4000000000) x ${A} ${B}\n");

    ASSERT_FALSE(got.errors.empty());
    EXPECT_THAT(got.errors[0].message, HasSubstr("more than 4 MiB"));
}

TEST(HostileKeepalived, AnUnclosedBlockSaysWhereItBegan) {
    const auto got = keepalived("virtual_server 10.0.0.2 80 {\n real_server 10.0.1.1 80 {\n }\n");

    ASSERT_EQ(got.errors.size(), 1U);
    EXPECT_EQ(got.errors[0].line, 1U);
    EXPECT_THAT(got.errors[0].message, HasSubstr("'virtual_server 10.0.0.2 80' is not closed"));
}

TEST(HostileKeepalived, AnErrorHasItsPlaceItsLineAndAHint) {
    const auto got = keepalived("virtual_server 10.0.0.2 80 {\n    lvs_sched wcl\n}\n");

    ASSERT_EQ(got.errors.size(), 1U);
    EXPECT_EQ(got.errors[0].text(),
              "/etc/keepalived/keepalived.conf:2:15: error: unknown scheduler 'wcl'\n"
              "        lvs_sched wcl\n"
              "                  ^\n"
              "  hint: did you mean 'wlc'?");
}

TEST(ImportedPattern, OfPerlIsRefusedHereNotByTheLoader) {
    const auto got = keepalived(
        "virtual_server 10.0.0.2 80 {\n real_server 10.0.1.1 80 {\n  HTTP_GET {\n"
        "   url {\n    path /\n    regex \"(?i)ready(\"\n   }\n  }\n }\n}\n");

    ASSERT_EQ(got.errors.size(), 1U);
    EXPECT_EQ(got.errors[0].line, 2U);
    EXPECT_THAT(got.errors[0].message, HasSubstr("'(?i)ready(' is not a POSIX extended"));
}

TEST(ImportTwice, TwoServicesOfOneAddressAreAnError) {
    const auto got = keepalived(kWeb + kWeb);

    ASSERT_EQ(got.errors.size(), 1U);
    EXPECT_EQ(got.errors[0].line, 5U);
    EXPECT_THAT(got.errors[0].hint, HasSubstr("first on line 1"));
}

TEST(Detect, NeitherTomlNorProseIsOfAnyOtherLoadBalancer) {
    EXPECT_EQ(detect("[[service]]\nname = \"web\"\n"), std::nullopt);
    EXPECT_EQ(detect("# nothing\n\nDear all, please find attached\n"), std::nullopt);
}

TEST(FormatNamed, KnowsTheNamesOfAll) {
    for (const Format format : kFormats) EXPECT_EQ(format_named(name(format)), format);
    EXPECT_EQ(format_named("toml"), std::nullopt);
}

}  // namespace
}  // namespace isobar::importer
