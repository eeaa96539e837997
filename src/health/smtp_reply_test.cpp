// SPDX-License-Identifier: Apache-2.0
#include "health/smtp_reply.h"

#include <gtest/gtest.h>

#include <string>

namespace isobar::health {
namespace {

using Verdict = SmtpReply::Verdict;

Verdict feed(SmtpReply& reply, std::string_view bytes) {
    return reply.feed(bytes);
}

Verdict verdict_of(std::string_view bytes) {
    SmtpReply reply;
    return feed(reply, bytes);
}

TEST(SmtpReply, OfOneLine) {
    SmtpReply reply;
    std::string_view bytes = "220 mail.example.org ESMTP\r\n250 next";
    EXPECT_EQ(reply.feed(bytes), Verdict::Complete);
    EXPECT_EQ(reply.code(), 220U);
    EXPECT_EQ(reply.text(), "mail.example.org ESMTP");
    EXPECT_EQ(bytes, "250 next");
}

TEST(SmtpReply, OfSeveralLinesByteByByte) {
    SmtpReply reply;
    const std::string text = "250-one\r\n250-\r\n250\n";
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        EXPECT_EQ(feed(reply, text.substr(i, 1)), Verdict::More);
    }
    EXPECT_EQ(feed(reply, "\n"), Verdict::Complete);
    EXPECT_EQ(reply.code(), 250U);
    EXPECT_EQ(reply.text(), "");
}

TEST(SmtpReply, WhatIsNone) {
    EXPECT_EQ(verdict_of("\r\n"), Verdict::Broken);
    EXPECT_EQ(verdict_of("22\r\n"), Verdict::Broken);
    EXPECT_EQ(verdict_of("2200 x\r\n"), Verdict::Broken);
    EXPECT_EQ(verdict_of("099 x\r\n"), Verdict::Broken);
    EXPECT_EQ(verdict_of("600 x\r\n"), Verdict::Broken);
    EXPECT_EQ(verdict_of("+OK POP3\r\n"), Verdict::Broken);
    EXPECT_EQ(verdict_of("220-x\r\n221 y\r\n"), Verdict::Broken);
}

TEST(SmtpReply, IsBounded) {
    EXPECT_EQ(verdict_of("220 " + std::string(509, 'x')), Verdict::Broken);
    EXPECT_EQ(verdict_of("220 " + std::string(507, 'x')), Verdict::More);
    std::string endless;
    for (int i = 0; i < 65; ++i) endless += "220-x\r\n";
    EXPECT_EQ(verdict_of(endless), Verdict::Broken);
}

}  // namespace
}  // namespace isobar::health
