// SPDX-License-Identifier: Apache-2.0
#include "isobard/host.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/temporary_folder.h"

namespace isobar::isobard {
namespace {

using dataplane::Hook;

class MissingSysctls : public testing::Test {
protected:
    void SetUp() override {
        set("ip_forward", "0");
        set("conf/all/rp_filter", "0");
        set("conf/lo/rp_filter", "0");
        set("conf/lo/accept_local", "0");
    }

    void set(const std::string& name, const std::string& value,
             const std::string& family = "net/ipv4") {
        const std::filesystem::path path = proc / family / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << value << '\n';
    }

    TemporaryFolder temporary;
    std::filesystem::path proc = temporary.path();
};

TEST_F(MissingSysctls, FreshHostNeedsForwardingAndLocalSourcesOnLo) {
    EXPECT_EQ(missing_sysctls(proc, Families::V4),
              (std::vector<Sysctl>{{"net.ipv4.ip_forward", "1"},
                                   {"net.ipv4.conf.lo.accept_local", "1"}}));
}

TEST_F(MissingSysctls, NothingIsTouchedWhereAllIsRight) {
    set("ip_forward", "1");
    set("conf/lo/accept_local", "1");

    EXPECT_TRUE(missing_sysctls(proc, Families::V4).empty());
}

TEST_F(MissingSysctls, StrictFilterOfAllIsLoosenedOnLoAlone) {
    set("ip_forward", "1");
    set("conf/lo/accept_local", "1");
    set("conf/all/rp_filter", "1");
    EXPECT_EQ(missing_sysctls(proc, Families::V4),
              (std::vector<Sysctl>{{"net.ipv4.conf.lo.rp_filter", "2"}}));

    set("conf/lo/rp_filter", "2");
    EXPECT_TRUE(missing_sysctls(proc, Families::V4).empty());
}

// accept_ra first: the default route is forgotten with the other one.
TEST_F(MissingSysctls, Ipv6IsForwardedWhereItIsBalancedAndRoutersAreStillHeard) {
    set("ip_forward", "1");
    set("conf/lo/accept_local", "1");
    set("conf/all/forwarding", "0", "net/ipv6");
    set("conf/eth0.5/accept_ra", "1", "net/ipv6");
    set("conf/eth1/accept_ra", "0", "net/ipv6");

    EXPECT_TRUE(missing_sysctls(proc, Families::V4).empty());
    EXPECT_EQ(missing_sysctls(proc, Families::Both),
              (std::vector<Sysctl>{{"net/ipv6/conf/eth0.5/accept_ra", "2"},
                                   {"net.ipv6.conf.all.forwarding", "1"}}));
}

// By a tunnel of IPv6 a service of IPv4 needs it, too.
TEST(FamiliesOf, ServersCountAsWellAsServices) {
    model::VirtualService service;
    service.key.address.address = model::Address::parse("10.0.0.2").value();
    service.servers = {{.address = {model::Address::parse("10.0.0.9").value(), 80}}};
    model::Forwarding forwarding;
    forwarding.services = {service};
    EXPECT_EQ(Families::V4, families_of(forwarding));

    forwarding.services[0].servers.push_back(
        {.address = {model::Address::parse("fd00::9").value(), 80}});
    EXPECT_EQ(Families::Both, families_of(forwarding));
}

TEST(HookFor, WithoutAListEveryInterfaceHasTheDirectorsHookButLo) {
    model::DirectorConfig config;
    config.hook = model::HookChoice::Xdp;

    EXPECT_EQ(hook_for("eth0", config), Hook::Xdp);
    EXPECT_EQ(hook_for("lo", config), Hook::Auto);
    EXPECT_FALSE(is_listed("eth0", config));
}

TEST(HookFor, WithAListAllOthersAreOffButLo) {
    model::DirectorConfig config;
    config.hook = model::HookChoice::Xdp;
    config.interfaces = {{"eth0", model::HookChoice::Tc}};

    EXPECT_EQ(hook_for("eth0", config), Hook::Tc);
    EXPECT_EQ(hook_for("eth1", config), Hook::Off);
    EXPECT_EQ(hook_for("lo", config), Hook::Auto);
    EXPECT_TRUE(is_listed("eth0", config));
}

}  // namespace
}  // namespace isobar::isobard
