// SPDX-License-Identifier: Apache-2.0
#include "model/address.h"

#include <gtest/gtest.h>

namespace isobar::model {
namespace {

TEST(Address, TextComesBackAsItWasParsed) {
    for (const char* text : {"10.0.0.2", "0.0.0.0", "255.255.255.255", "fd00::1", "::", "::1",
                             "2001:db8:1:2:3:4:5:6", "::ffff:10.0.0.2"}) {
        const auto address = Address::parse(text);

        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->text(), text);
    }
}

TEST(Address, BytesStandInTheOrderTheyAreWritten) {
    EXPECT_EQ(Address::parse("10.0.0.2"), Address::v4(10, 0, 0, 2));
    EXPECT_EQ(Address::parse("fd00::1")->family, Family::V6);
    EXPECT_EQ(Address::parse("fd00::1")->bytes[0], 0xfd);
    EXPECT_EQ(Address::parse("fd00::1")->bytes[15], 1);
}

TEST(Address, AnythingElseIsNotAnAddress) {
    for (const std::string_view text :
         {"", " ", "10.0.0", "10.0.0.256", "10.0.0.2 ", " 10.0.0.2", "10.0.0.010", "10.0.0.2.3",
          "0x0a000002", "167772162", "web.example", "[fd00::1]", "fd00::1%eth0", "fd00:::1",
          "1:2:3:4:5:6:7:8:9", "10.0.0.2:80", "::1/128"}) {
        EXPECT_FALSE(Address::parse(text)) << text;
    }
    EXPECT_FALSE(Address::parse(std::string_view("10.0.0.2\0", 9)));
    EXPECT_FALSE(Address::parse(std::string(1000, '1')));
}

TEST(Address, UnicastLeavesOutWhatNoHostCanHave) {
    for (const char* text : {"10.0.0.2", "127.0.0.1", "1.0.0.0", "223.255.255.255",
                             "255.255.255.254", "fd00::1", "::1", "fe80::1"}) {
        EXPECT_TRUE(is_unicast(*Address::parse(text))) << text;
    }
    for (const char* text : {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255",
                             "255.255.255.255", "::", "ff02::1"}) {
        EXPECT_FALSE(is_unicast(*Address::parse(text))) << text;
    }
}

TEST(Address, LinkLocalIsOfIpv6Only) {
    for (const char* text : {"fe80::", "fe80::1", "febf:ffff::1"})
        EXPECT_TRUE(is_link_local(*Address::parse(text))) << text;
    for (const char* text : {"fec0::1", "fe7f::1", "2001:db8::1", "254.128.0.1", "169.254.0.1"})
        EXPECT_FALSE(is_link_local(*Address::parse(text))) << text;
}

TEST(Endpoint, TextComesBackAsItWasParsed) {
    for (const char* text : {"10.0.0.2:80", "10.0.0.2:0", "10.0.0.2:65535", "[fd00::1]:80"}) {
        const auto endpoint = Endpoint::parse(text);

        ASSERT_TRUE(endpoint) << text;
        EXPECT_EQ(endpoint->text(), text);
    }
}

TEST(Endpoint, NeedsAnAddressAndAPortInRange) {
    for (const char* text :
         {"", ":", ":80", "10.0.0.2", "10.0.0.2:", "10.0.0.2:65536", "10.0.0.2:-1", "10.0.0.2:+1",
          "10.0.0.2:080", "10.0.0.2:8 0", "10.0.0.2:http", "10.0.0.2:99999999999999999999",
          "fd00::1:80", "[10.0.0.2]:80", "[fd00::1]", "[fd00::1:80", "[]:80", "web:80"}) {
        EXPECT_FALSE(Endpoint::parse(text)) << text;
    }
}

TEST(Network, TextComesBackAsItWasParsed) {
    for (const char* text : {"192.168.10.0/24", "0.0.0.0/0", "10.0.0.2/32", "10.0.0.128/25",
                             "10.16.0.0/12", "fd00::/8", "::/0", "fd00::1/128"}) {
        const auto network = Network::parse(text);

        ASSERT_TRUE(network) << text;
        EXPECT_EQ(network->text(), text);
    }
}

TEST(Network, RefusesHostBitsAndPrefixesOutOfRange) {
    for (const char* text : {"", "/", "192.168.10.0", "192.168.10.0/", "192.168.10.1/24",
                             "10.0.0.2/31x", "10.0.0.3/31", "10.0.0.0/33", "10.0.0.0/08",
                             "10.0.0.0/255.0.0.0", "fd00::1/64", "fd00::/129", "/24"}) {
        EXPECT_FALSE(Network::parse(text)) << text;
    }
}

TEST(Network, AroundAnAddressClearsTheHostBits) {
    EXPECT_EQ(Network::around(Address::v4(192, 168, 10, 77), 24).text(), "192.168.10.0/24");
    EXPECT_EQ(Network::around(Address::v4(192, 168, 10, 77), 26).text(), "192.168.10.64/26");
    EXPECT_EQ(Network::around(Address::v4(192, 168, 10, 77), 32).text(), "192.168.10.77/32");
    EXPECT_EQ(Network::around(Address::v4(192, 168, 10, 77), 0).text(), "0.0.0.0/0");
    EXPECT_EQ(Network::around(*Address::parse("fd00::abcd"), 116).text(), "fd00::a000/116");
}

}  // namespace
}  // namespace isobar::model
