// SPDX-License-Identifier: Apache-2.0
#include "agent/sysctls.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace isobar::agent {
namespace {

const std::string kConf = "net/ipv4/conf/";

TEST(AgentSysctls, ArpIsMadeQuietForAllAndForTheInterfaces) {
    const auto plan = plan_quiet_arp({}, {"eth0"});

    EXPECT_EQ(plan, (std::vector<Sysctl>{{kConf + "all/arp_ignore", 1},
                                         {kConf + "all/arp_announce", 2},
                                         {kConf + "eth0/arp_ignore", 1},
                                         {kConf + "eth0/arp_announce", 2}}));
}

TEST(AgentSysctls, WhatIsQuietEnoughIsLeftAlone) {
    const Sysctls now{{kConf + "all/arp_ignore", 2},
                      {kConf + "all/arp_announce", 2},
                      {kConf + "eth0/arp_ignore", 8},
                      {kConf + "eth0/arp_announce", 2}};

    EXPECT_TRUE(plan_quiet_arp(now, {"eth0"}).empty());
}

// arp_ignore 3 looks at the scope: it would answer for a VIP, and win by max().
TEST(AgentSysctls, ALargerNumberIsNotAlwaysQuieter) {
    const Sysctls now{{kConf + "all/arp_announce", 2},
                      {kConf + "all/arp_ignore", 3},
                      {kConf + "eth0/arp_announce", 2},
                      {kConf + "eth0/arp_ignore", 5}};

    EXPECT_EQ(plan_quiet_arp(now, {"eth0"}),
              (std::vector<Sysctl>{{kConf + "all/arp_ignore", 1}, {kConf + "eth0/arp_ignore", 1}}));
}

TEST(AgentSysctls, StrictReversePathsBecomeLooseWithoutTouchingAll) {
    const Sysctls now{{kConf + "all/rp_filter", 1},
                      {kConf + "eth0/rp_filter", 0},
                      {kConf + "eth1/rp_filter", 2},
                      {kConf + "eth2/rp_filter", 1}};

    EXPECT_EQ(plan_reverse_paths(now, {"eth0", "eth1"}),
              (std::vector<Sysctl>{{kConf + "eth0/rp_filter", 2}}));
    EXPECT_TRUE(plan_reverse_paths({}, {"eth0"}).empty());
}

TEST(AgentSysctls, AreReadByInterfaceWhateverItsName) {
    const auto root = std::filesystem::path(testing::TempDir()) /
                      ("isobar-sysctls-" + std::to_string(::getpid()));
    for (const char* folder : {"all", "eth0.5"}) {
        std::filesystem::create_directories(root / kConf / folder);
        std::ofstream(root / kConf / folder / "rp_filter") << (folder[0] == 'a' ? 0 : 1) << '\n';
    }

    const Sysctls found = read_sysctls(root, {"eth0.5", "gone"});
    std::filesystem::remove_all(root);

    EXPECT_EQ(found, (Sysctls{{kConf + "all/rp_filter", 0}, {kConf + "eth0.5/rp_filter", 1}}));
    EXPECT_EQ(rp_filter(found, "eth0.5"), 1);
    EXPECT_EQ(arp_ignore(found, "eth0.5"), 0);
}

}  // namespace
}  // namespace isobar::agent
