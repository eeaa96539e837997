// SPDX-License-Identifier: Apache-2.0
#include "health/echo.h"

#include <gtest/gtest.h>

#include <string>

namespace isobar::health {
namespace {

using model::Family;
using std::string_literals::operator""s;

const Echo kEcho{.id = 0x0102, .sequence = 0x0304, .token = 0x1122334455667788};
const std::string kRest = "\1\2\3\4\x11\x22\x33\x44\x55\x66\x77\x88"s;

TEST(Echo, WritesARequestWithItsChecksum) {
    EXPECT_EQ(write_echo_request(Family::V4, kEcho), "\x08\0\xe2\xa4"s + kRest);
    EXPECT_EQ(write_echo_request(Family::V6, kEcho), "\x80\0\0\0"s + kRest);
}

TEST(Echo, ReadsAReply) {
    EXPECT_EQ(read_echo_reply(Family::V4, "\0\0\x12\x34"s + kRest, false), kEcho);
    EXPECT_EQ(read_echo_reply(Family::V6, "\x81\0\x12\x34"s + kRest, false), kEcho);
    // behind an IP header with an option
    EXPECT_EQ(
        read_echo_reply(Family::V4, "\x46"s + std::string(23, 'x') + "\0\0\0\0"s + kRest, true),
        kEcho);
}

TEST(Echo, WhatIsNone) {
    EXPECT_FALSE(read_echo_reply(Family::V4, "\x08\0\0\0"s + kRest, false));  // a request
    EXPECT_FALSE(read_echo_reply(Family::V4, "\x81\0\0\0"s + kRest, false));
    EXPECT_FALSE(read_echo_reply(Family::V6, "\0\0\0\0"s + kRest, false));
    EXPECT_FALSE(read_echo_reply(Family::V4, "\0\1\0\0"s + kRest, false));
    EXPECT_FALSE(read_echo_reply(Family::V4, "\x44"s + std::string(40, 'x'), true));
    const std::string packet = "\x45"s + std::string(19, 'x') + "\0\0\0\0"s + kRest;
    ASSERT_TRUE(read_echo_reply(Family::V4, packet, true));
    for (std::size_t size = 0; size < packet.size(); ++size) {
        EXPECT_FALSE(read_echo_reply(Family::V4, packet.substr(0, size), true)) << size;
    }
}

}  // namespace
}  // namespace isobar::health
