// SPDX-License-Identifier: Apache-2.0
#include "agent/settings.h"

#include <gtest/gtest.h>

namespace isobar::agent {
namespace {

Vip vip(std::string_view text) {
    return Vip::parse(text).value();
}

TEST(AgentSettings, VipIsAnAddressAndPerhapsAnInterface) {
    EXPECT_EQ(vip("10.0.0.2"), (Vip{*model::Address::parse("10.0.0.2"), ""}));
    EXPECT_EQ(vip("fd00::2@eth0.5"), (Vip{*model::Address::parse("fd00::2"), "eth0.5"}));
    EXPECT_EQ(vip("10.0.0.2@eth0").text(), "10.0.0.2@eth0");
    for (const char* text :
         {"", "10.0.0", "10.0.0.2/32", "0.0.0.0", "224.0.0.1", "ff02::1", "::", "10.0.0.2@",
          "10.0.0.2@a/b", "10.0.0.2@..", "@eth0", "10.0.0.2@a b", "10.0.0.2@0123456789abcdef"})
        EXPECT_EQ(Vip::parse(text).error().fault, Fault::Invalid) << text;
}

TEST(AgentSettings, TunnelsAreAListOfKinds) {
    EXPECT_EQ(parse_tunnels("none").value(), std::set<Tunnel>{});
    EXPECT_EQ(parse_tunnels("gre,ipip").value(), (std::set{Tunnel::Ipip, Tunnel::Gre}));
    for (const char* text : {"", "ipip,", ",gue", "sit", "ipip,none", "IPIP"})
        EXPECT_FALSE(parse_tunnels(text)) << text;
}

TEST(AgentSettings, MssIsAutoOffOrANumber) {
    EXPECT_EQ(Mss::parse("auto").value(), (Mss{Mss::Kind::Auto, 0}));
    EXPECT_EQ(Mss::parse("off").value(), (Mss{Mss::Kind::Off, 0}));
    EXPECT_EQ(Mss::parse("1400").value(), (Mss{Mss::Kind::Fixed, 1400}));
    for (const char* text : {"", "87", "65496", "-1", "1400 ", "0x100", "99999999999"})
        EXPECT_FALSE(Mss::parse(text)) << text;
}

TEST(AgentSettings, ContradictionsAreRefused) {
    Settings settings;
    EXPECT_EQ(check_settings(settings).error().message,
              "which address? --vip ADDRESS or --director ADDRESS");

    settings.vips = {vip("10.0.0.2"), vip("10.0.0.2@lo")};
    EXPECT_EQ(check_settings(settings).error().message, "--vip 10.0.0.2 twice");

    settings.vips = {vip("10.0.0.2@eth0")};
    EXPECT_TRUE(check_settings(settings));
    settings.arp = Arp::Sysctl;
    EXPECT_FALSE(check_settings(settings));
    settings.vips = {vip("10.0.0.2@lo")};
    EXPECT_TRUE(check_settings(settings));

    settings.decap = Decap::Kernel;
    EXPECT_EQ(check_settings(settings).error().message, "--decap kernel needs --tunnel ipip");
    settings.tunnels = {Tunnel::Ipip};
    EXPECT_TRUE(check_settings(settings));
    settings.tunnels = {Tunnel::Ipip, Tunnel::Gue};
    EXPECT_FALSE(check_settings(settings));
    settings.tunnels = {Tunnel::Ipip};
    settings.vips = {vip("fd00::2")};
    EXPECT_FALSE(check_settings(settings));
}

TEST(AgentSettings, ArpIsFilteredInBpfWhereSysctlsCannot) {
    Settings settings;
    settings.vips = {vip("10.0.0.2"), vip("10.0.0.3@tunl0")};
    EXPECT_FALSE(filters_arp_in_bpf(settings));
    settings.vips.push_back(vip("fd00::2@eth0"));
    EXPECT_TRUE(filters_arp_in_bpf(settings));
    settings.vips = {vip("10.0.0.2")};
    settings.arp = Arp::Bpf;
    EXPECT_TRUE(filters_arp_in_bpf(settings));
}

TEST(AgentSettings, MssLeavesRoomForTheLargestOuterHeader) {
    using model::Family;
    Settings settings;
    EXPECT_EQ(offered_mss(settings, Family::V4, 1500, Family::V4), 0) << "no tunnel";

    settings.tunnels = {Tunnel::Ipip};
    EXPECT_EQ(offered_mss(settings, Family::V4, 1500, Family::V4), 1500 - 20 - 40);
    EXPECT_EQ(offered_mss(settings, Family::V6, 1500, Family::V4), 1500 - 20 - 60);
    EXPECT_EQ(offered_mss(settings, Family::V4, 1500, Family::V6), 1500 - 40 - 40);
    settings.tunnels = {Tunnel::Ipip, Tunnel::Gue, Tunnel::Gre};
    EXPECT_EQ(offered_mss(settings, Family::V4, 1500, Family::V4), 1500 - 20 - 8 - 4 - 40);
    EXPECT_EQ(offered_mss(settings, Family::V4, 100, Family::V4), 88);
    EXPECT_EQ(offered_mss(settings, Family::V4, 1u << 20, Family::V4), 65495);

    settings.mss = {Mss::Kind::Fixed, 1200};
    EXPECT_EQ(offered_mss(settings, Family::V6, 1500, Family::V4), 1200);
    settings.mss = {Mss::Kind::Off, 0};
    EXPECT_EQ(offered_mss(settings, Family::V4, 1500, Family::V4), 0);
}

}  // namespace
}  // namespace isobar::agent
