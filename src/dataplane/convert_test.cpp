// SPDX-License-Identifier: Apache-2.0
#include "dataplane/convert.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>

namespace isobar::dataplane {
namespace {

TEST(Convert, AnIpv4AddressIsWrittenAsAMappedIpv6Address) {
    const auto address = to_abi(model::Address::v4(10, 0, 0, 2));
    const std::uint8_t expected[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2};
    EXPECT_EQ(0, std::memcmp(&address, expected, sizeof(expected)));
}

TEST(Convert, AddressesComeBackAsTheyWere) {
    for (const char* text :
         {"0.0.0.0", "10.0.0.2", "255.255.255.255", "::", "fd00::1", "2001:db8:1:2:3:4:5:6"}) {
        const auto address = model::Address::parse(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(*address, from_abi(to_abi(*address))) << text;
    }
}

TEST(Convert, PortsAreInNetworkOrder) {
    const auto port = to_network(0x1234);
    const std::uint8_t expected[2] = {0x12, 0x34};
    EXPECT_EQ(0, std::memcmp(&port, expected, sizeof(expected)));
    EXPECT_EQ(0x1234, from_network(port));
}

TEST(Convert, AServiceKeyIsCompleteAndPadded) {
    const model::ServiceKey key{model::Protocol::Udp, {model::Address::v4(10, 0, 0, 2), 53}};
    const auto out = to_abi(key);
    EXPECT_EQ(17, out.protocol);
    EXPECT_EQ(0, out.pad);  // the map compares every byte
    EXPECT_EQ(key, from_abi(out));
}

TEST(Convert, ThePrefixOfAClientIsThatOfTheMappedAddress) {
    isobar_service service{};
    service.key =
        to_abi(model::ServiceKey{model::Protocol::Tcp, {model::Address::v4(10, 0, 0, 2), 80}});
    const model::Persistence hour{std::chrono::hours(1), 24};

    set_persistence(service, hour, 250);

    EXPECT_EQ(120, service.prefix);
    EXPECT_EQ(3600u * 250, service.persistence);
    EXPECT_EQ(hour, persistence_of(service));
    set_persistence(service, std::nullopt, 250);
    EXPECT_EQ(std::nullopt, persistence_of(service));
}

TEST(Convert, ThirtyOneDaysAreAsManyJiffiesAsTheClockCanTell) {
    isobar_service service{};
    set_persistence(service, model::Persistence{model::kMaxPersistence, 128}, 1000);
    EXPECT_EQ(0x7fffffffu, service.persistence);
    EXPECT_EQ(model::kMaxPersistence, persistence_of(service).value().timeout);
}

TEST(Convert, StatesHaveTheNamesThatIpvsadmPrints) {
    EXPECT_EQ("NONE", state_name(0));
    EXPECT_EQ("ESTABLISHED", state_name(1));
    EXPECT_EQ("SYN_RECV", state_name(3));
    EXPECT_EQ("SYNACK", state_name(10));
    EXPECT_EQ("UDP", state_name(11));
    EXPECT_EQ("NONE", state_name(ISOBAR_STATE_SCTP_NONE));
    EXPECT_EQ("S-ACK-SENT", state_name(ISOBAR_STATE_SCTP_S_ACK_SENT));
    EXPECT_EQ("?", state_name(ISOBAR_STATES));
    EXPECT_EQ("?", state_name(0xffffffff));
}

TEST(Convert, AServiceByMarkHasTheMarkForAnAddress) {
    for (const auto family : {model::Family::V4, model::Family::V6}) {
        const auto key = model::ServiceKey::by_mark(0x01020304, family);

        const auto abi = to_abi(key);

        EXPECT_EQ(abi.protocol, 0);
        EXPECT_EQ(abi.address.word[3], htonl(0x01020304));
        EXPECT_EQ(from_abi(abi.address).family, family);
        EXPECT_EQ(from_abi(abi), key);
    }
}

TEST(Convert, ARuleComesBackAsItWas) {
    const model::MarkRule rule{model::Protocol::Sctp,
                               {model::Address::v4(10, 1, 0, 0), 16},
                               {model::Address::v4(10, 0, 0, 2), 32},
                               80,
                               8080,
                               7};

    const auto abi = to_abi(rule);

    EXPECT_EQ(abi.source_prefix, 96 + 16);
    EXPECT_EQ(from_abi(abi), rule);
}

}  // namespace
}  // namespace isobar::dataplane
