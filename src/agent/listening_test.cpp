// SPDX-License-Identifier: Apache-2.0
#include "agent/listening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobar::agent {
namespace {

using model::Protocol;
using testing::ElementsAre;
using testing::IsEmpty;

// As Linux on a little-endian machine prints it.
constexpr const char* kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue\n"
    "   0: 0B00000A:0050 00000000:0000 0A 00000000:00000000 00:00000000\n"
    "   1: 0100007F:1F90 0100007F:8000 01 00000000:00000000 00:00000000\n"
    "   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000\n";

TEST(Listening, OfTcpOnlySocketsThatListen) {
    EXPECT_THAT(parse_listening(kTcp, Protocol::Tcp),
                ElementsAre(Listening{Protocol::Tcp, *model::Endpoint::parse("10.0.0.11:80")},
                            Listening{Protocol::Tcp, *model::Endpoint::parse("0.0.0.0:22")}));
}

TEST(Listening, OfIpv6AndMappedAddresses) {
    const char* const text =
        " 0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A\n"
        " 1: 0000000000000000FFFF00000B00000A:0051 00000000000000000000000000000000:0000 0A\n";
    const auto found = parse_listening(text, Protocol::Tcp);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_TRUE(is_any(found[0].at.address));
    EXPECT_EQ(found[1].at.text(), "10.0.0.11:81");
}

TEST(Listening, OfUdpThoseWithoutAPeer) {
    const char* const text =
        " 0: 00000000:0035 00000000:0000 07 0\n 1: 00000000:0036 0100007F:1 01 0\n";
    ASSERT_EQ(parse_listening(text, Protocol::Udp).size(), 1U);
}

TEST(Listening, NonsenseIsPassedOver) {
    for (const char* text : {"", "\n\n", "0: x:y z 0A", "0: 0B00000A 0 0A 0", "0: 0B00:0050 0 0A"})
        EXPECT_THAT(parse_listening(text, Protocol::Tcp), IsEmpty()) << text;
    EXPECT_FALSE(read_listening("/nowhere"));
}

}  // namespace
}  // namespace isobar::agent
