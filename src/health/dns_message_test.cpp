// SPDX-License-Identifier: Apache-2.0
#include "health/dns_message.h"

#include <gtest/gtest.h>

#include <string>

namespace isobar::health {
namespace {

using std::string_literals::operator""s;

const DnsQuestion kQuestion{.id = 0x1234, .name = "www.example.org", .type = 1};
const std::string kName = "\3www\7example\3org\0"s;
const std::string kAsked = kName + "\0\1\0\1"s;

// flags, then the numbers of questions and answers
std::string header(const std::string& flags, const std::string& questions,
                   const std::string& answers) {
    return "\x12\x34"s + flags + questions + answers + "\0\0\0\0"s;
}
const std::string kGood = "\x81\x80"s;
const std::string kRecord = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1"s;

TEST(DnsMessage, WritesAQuestion) {
    EXPECT_EQ(write_question(kQuestion), "\x12\x34\1\0\0\1\0\0\0\0\0\0"s + kAsked);
    EXPECT_EQ(write_question({.id = 1, .name = ".", .type = 6}),
              "\0\1\1\0\0\1\0\0\0\0\0\0\0\0\6\0\1"s);
    EXPECT_EQ(write_question({.id = 0x1234, .name = "www.example.org.", .type = 1}),
              write_question(kQuestion));
}

TEST(DnsMessage, RefusesNamesThatAreNone) {
    for (const std::string& name : {"a..b"s, ".a"s, "a.."s, std::string(64, 'x')}) {
        EXPECT_FALSE(write_question({.id = 1, .name = name, .type = 1})) << name;
    }
    std::string longest;
    for (int i = 0; i < 127; ++i) longest += "a.";
    EXPECT_TRUE(write_question({.id = 1, .name = longest, .type = 1}));
    EXPECT_FALSE(write_question({.id = 1, .name = longest + "a", .type = 1}));
}

TEST(DnsMessage, ReadsAnAnswer) {
    const auto answer =
        read_answer(header(kGood, "\0\1"s, "\0\2"s) + kAsked + kRecord + kRecord, kQuestion);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->code, 0U);
    EXPECT_EQ(answer->records, 2U);
}

TEST(DnsMessage, NamesAreTheSameInAnyCase) {
    const std::string asked = "\3wWw\7EXAMPLE\3org\0\0\1\0\1"s;
    EXPECT_TRUE(read_answer(header(kGood, "\0\1"s, "\0\0"s) + asked, kQuestion));
}

TEST(DnsMessage, ReadsARefusal) {
    EXPECT_EQ(read_answer(header("\x81\x85"s, "\0\1"s, "\0\0"s) + kAsked, kQuestion)->code, 5U);
    EXPECT_EQ(read_answer(header("\x81\x81"s, "\0\0"s, "\0\0"s), kQuestion)->code, 1U);
    EXPECT_EQ(dns_code_name(5), "REFUSED");
    EXPECT_EQ(dns_code_name(11), "code 11");
}

TEST(DnsMessage, IsNoAnswerToAnotherQuestion) {
    const std::string good = header(kGood, "\0\1"s, "\0\0"s) + kAsked;
    ASSERT_TRUE(read_answer(good, kQuestion));
    DnsQuestion other = kQuestion;
    other.id = 0x1235;
    EXPECT_FALSE(read_answer(good, other));
    other = kQuestion;
    other.name = "www.example.com";
    EXPECT_FALSE(read_answer(good, other));
    other = kQuestion;
    other.type = 28;
    EXPECT_FALSE(read_answer(good, other));
    // a question, another opcode, two questions, NOERROR without a question
    EXPECT_FALSE(read_answer(header("\1\0"s, "\0\1"s, "\0\0"s) + kAsked, kQuestion));
    EXPECT_FALSE(read_answer(header("\xa1\x80"s, "\0\1"s, "\0\0"s) + kAsked, kQuestion));
    EXPECT_FALSE(read_answer(header(kGood, "\0\2"s, "\0\0"s) + kAsked + kAsked, kQuestion));
    EXPECT_FALSE(read_answer(header(kGood, "\0\0"s, "\0\0"s), kQuestion));
}

TEST(DnsMessage, CutAnywhereIsNoAnswer) {
    const std::string good = header(kGood, "\0\1"s, "\0\1"s) + kAsked + kRecord;
    ASSERT_TRUE(read_answer(good, kQuestion));
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(read_answer(good.substr(0, size), kQuestion)) << size;
    }
}

TEST(DnsMessage, CutWhereItSaysSoIsAnAnswer) {
    const auto answer = read_answer(
        header("\x83\x80"s, "\0\1"s, "\xff\xff"s) + kAsked + kRecord + "\xc0"s, kQuestion);
    ASSERT_TRUE(answer.has_value());
    EXPECT_TRUE(answer->truncated);
    EXPECT_EQ(answer->records, 1U);
}

TEST(DnsMessage, PointersThatLoopAreRefused) {
    const std::string asked = header(kGood, "\0\1"s, "\0\1"s) + kAsked;
    const auto at = static_cast<char>(asked.size());
    const std::string rest = "\0\1\0\1\0\0\0\x3c\0\0"s;
    // to itself; forward; back to a label that leads here again
    EXPECT_FALSE(read_answer(asked + "\xc0"s + at + rest, kQuestion));
    EXPECT_FALSE(read_answer(asked + "\xc0\x40"s + rest + std::string(64, '\0'), kQuestion));
    EXPECT_FALSE(read_answer(asked + "\1a\xc0"s + at + rest, kQuestion));
    // of the question itself
    EXPECT_FALSE(read_answer(header(kGood, "\0\1"s, "\0\0"s) + "\xc0\x0c\0\1\0\1"s, kQuestion));
    // labels of the kinds 01 and 10
    EXPECT_FALSE(read_answer(asked + "\x40\x80"s + rest, kQuestion));
}

TEST(DnsMessage, AnEndlessChainOfPointersEnds) {
    // Each record's name points to the record before it: more than a name may have.
    std::string message = header(kGood, "\0\1"s, "\0\xff"s) + kAsked;
    std::size_t last = 12;
    for (int i = 0; i < 255; ++i) {
        const std::size_t here = message.size();
        message += "\1a"s + static_cast<char>(0xc0 | last >> 8U) + static_cast<char>(last & 0xff) +
                   "\0\1\0\1\0\0\0\x3c\0\0"s;
        last = here;
    }
    EXPECT_FALSE(read_answer(message, kQuestion));
}

}  // namespace
}  // namespace isobar::health
