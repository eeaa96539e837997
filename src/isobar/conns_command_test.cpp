// SPDX-License-Identifier: Apache-2.0
#include "isobar/conns_command.h"

#include <gtest/gtest.h>

namespace isobar::cli {
namespace {

TEST(ConnsCommand, ShowsConnectionsAndHowManyMoreThereAre) {
    api::ConnectionList list;
    list.total = 7;
    list.rows = {{"tcp", "web", "10.9.0.1:1024", "10.0.0.2:80", "10.1.1.1:80", "ESTABLISHED", 899},
                 {"udp", "", "[fd00::1]:5", "[fd00::2]:53", "[fd00::3]:53", "UDP", 9}};

    EXPECT_EQ(connections_text(list, Colours::Off),
              "PROTO  SERVICE  CLIENT         VIRTUAL       SERVER        STATE        EXPIRES\n"
              "tcp    web      10.9.0.1:1024  10.0.0.2:80   10.1.1.1:80   ESTABLISHED    899 s\n"
              "udp    -        [fd00::1]:5    [fd00::2]:53  [fd00::3]:53  UDP              9 s\n"
              "2 of 7: more with --limit, or less with --client and the like\n");
}

TEST(ConnsCommand, ShowsWhoHasMost) {
    api::ConnectionList list;
    list.total = 400;
    list.by = "client";
    list.talkers = {{"10.9.0.0/24", 300}, {"10.9.1.0/24", 5}};
    list.uncertain = 3;

    EXPECT_EQ(connections_text(list, Colours::Off),
              "CLIENT       CONNECTIONS   SHARE\n"
              "10.9.0.0/24          300  75.0 %\n"
              "10.9.1.0/24            5   1.2 %\n"
              "so many that each may have up to 3 more\n"
              "400 connections\n");

    api::ConnectionList none;
    none.by = "server";
    EXPECT_EQ(connections_text(none, Colours::Off), "SERVER  CONNECTIONS  SHARE\n0 connections\n");
}

}  // namespace
}  // namespace isobar::cli
