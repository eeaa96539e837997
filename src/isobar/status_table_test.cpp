// SPDX-License-Identifier: Apache-2.0
#include "isobar/status_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobar::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

model::Endpoint endpoint(const char* text) {
    return model::Endpoint::parse(text).value();
}

api::Status two_servers() {
    api::Status status;
    status.program = "isobard 0.1.0";
    status.config.file = "/etc/isobar/isobar.toml";
    status.config.applied_at = std::chrono::sys_seconds(std::chrono::seconds(1763831052));
    api::ServiceView web;
    web.name = "web";
    web.status.key = {model::Protocol::Tcp, endpoint("10.0.0.2:80")};
    web.status.rates = {11, 0, 0, 1500, 35400};
    web.status.traffic.connections = 1234;
    model::ServerStatus one;
    one.server = {endpoint("192.168.10.100:80"), 1};
    one.active = 12;
    one.inactive = 3;
    model::ServerStatus two;
    two.server = {endpoint("192.168.10.101:80"), 0};
    web.status.servers = {one, two};
    status.services.push_back(web);
    status.connections_used = 15;
    status.connections_size = 131072;
    status.verdicts = {{"forwarded", 9}, {"no_server", 0}};
    status.interfaces = {{"eth0", true, false}, {"eth1", true, true}, {"sit0", false, false}};
    return status;
}

TEST(StatusTable, LinesUp) {
    EXPECT_EQ(status_table(two_servers(), Colours::Off),
              "isobard 0.1.0, /etc/isobar/isobar.toml, applied 2025-11-22 17:04:12 UTC\n"
              "connections 15 of 131072; timeouts: tcp 900 s, tcp_fin 120 s, udp 300 s\n"
              "\n"
              "SERVICE, ITS SERVERS  HOW  WEIGHT  ACTIVE  INACTIVE  CONN/S  IN B/S  OUT B/S  "
              "CONNECTIONS\n"
              "web  tcp 10.0.0.2:80  wlc              12         3      11    1.5k      35k  "
              "       1234\n"
              "  192.168.10.100:80   nat       1      12         3       0       0        0  "
              "          0\n"
              "  192.168.10.101:80   nat       0       0         0       0       0        0  "
              "          0\n"
              "\n"
              "interfaces: eth0 tc, eth1 tc+xdp\n"
              "packets: forwarded 9\n");
}

TEST(StatusTable, SaysWhoIsPersistentAndWhoIsFull) {
    api::Status status = two_servers();
    status.services[0].status.persistence = model::Persistence{};
    status.services[0].status.servers[0].overloaded = true;

    const std::string table = status_table(status, Colours::Off);

    EXPECT_THAT(table, HasSubstr("web  tcp 10.0.0.2:80  wlc persistent "));
    EXPECT_THAT(table, HasSubstr("  1 full "));
}

TEST(StatusTable, ColoursChangeNothingButColours) {
    std::string coloured = status_table(two_servers(), Colours::On);
    EXPECT_THAT(coloured, HasSubstr("\x1b[33m  192.168.10.101:80"));

    for (const char* code : {"\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[0m"}) {
        for (std::size_t at = coloured.find(code); at != std::string::npos;
             at = coloured.find(code)) {
            coloured.erase(at, std::string(code).size());
        }
    }
    EXPECT_EQ(coloured, status_table(two_servers(), Colours::Off));
}

TEST(StatusTable, SaysWhatIsWrongWithTheConfigurationBelow) {
    api::Status status = two_servers();
    status.config.errors = {"isobar.toml:3:1: error: unknown key 'wieght'\n    wieght = 3\n    ^"};

    EXPECT_THAT(status_table(status, Colours::Off),
                HasSubstr("\n  isobar.toml:3:1: error: unknown key 'wieght'\n"
                          "      wieght = 3\n"
                          "      ^\n"));
}

TEST(StatusTable, NoServicesAndNoServersAreSaid) {
    api::Status status;
    status.config.file = "x.toml";
    EXPECT_THAT(status_table(status, Colours::Off),
                HasSubstr("no services: write one into x.toml and reload isobard\n"));

    status = two_servers();
    status.services[0].status.servers.clear();
    EXPECT_THAT(status_table(status, Colours::Off), HasSubstr("  no real servers\n"));
}

TEST(StatusTable, NamesCannotGiveTheTerminalOrders) {
    api::Status status = two_servers();
    status.services[0].name = "\x1b[2J";

    EXPECT_THAT(status_table(status, Colours::Off), Not(HasSubstr("\x1b")));
}

TEST(ShortNumber, KeepsTwoOrThreeDigits) {
    EXPECT_EQ(short_number(0), "0");
    EXPECT_EQ(short_number(999), "999");
    EXPECT_EQ(short_number(1000), "1.0k");
    EXPECT_EQ(short_number(9949), "9.9k");
    EXPECT_EQ(short_number(9950), "10k");
    EXPECT_EQ(short_number(999499), "999k");
    EXPECT_EQ(short_number(999500), "1.0M");
    EXPECT_EQ(short_number(1500000000), "1.5G");
    EXPECT_EQ(short_number(18446744073709551615U), "18E");
}

}  // namespace
}  // namespace isobar::cli
