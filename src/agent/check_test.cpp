// SPDX-License-Identifier: Apache-2.0
#include "agent/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobar::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kLo = 1, kEth0 = 2, kEth1 = 3, kTunl0 = 4;
const std::string kConf = "net/ipv4/conf/";

model::Address address(std::string_view text) {
    return *model::Address::parse(text);
}

// A real server of direct routing that is as it should be.
Facts sound() {
    Facts facts;
    facts.links = {
        {.index = kLo, .name = "lo", .up = true, .mtu = 65536, .kind = ""},
        {.index = kEth0, .name = "eth0", .up = true, .ethernet = true, .mtu = 1500, .kind = ""}};
    facts.addresses = {{address("10.0.0.5"), 24, kEth0}, {address("10.0.0.2"), 32, kLo}};
    facts.default_routes = {{model::Family::V4, address("10.0.0.1"), kEth0}};
    facts.sysctls = {{kConf + "all/arp_ignore", 1}, {kConf + "all/arp_announce", 2}};
    return facts;
}

std::vector<std::string> lines(const Facts& facts, Method method = Method::Dr,
                               std::string_view vip = "10.0.0.2") {
    std::vector<std::string> lines;
    for (const Finding& finding : check(facts, {{address(vip)}, method, {}}))
        lines.push_back(finding.line());
    return lines;
}

TEST(AgentCheck, NothingIsWrongWithASoundHost) {
    EXPECT_THAT(lines(sound()), IsEmpty());
}

TEST(AgentCheck, TheVipMustBeThere) {
    EXPECT_THAT(lines(sound(), Method::Dr, "10.0.0.9"),
                ElementsAre("10.0.0.9 is on no interface: packets for it are not taken in; fix: "
                            "ip address add 10.0.0.9/32 dev lo"));
    EXPECT_THAT(lines(sound(), Method::Dr, "fd00::9"),
                ElementsAre(HasSubstr("ip address add fd00::9/128 dev lo")));
}

TEST(AgentCheck, ArpMustBeQuiet) {
    Facts facts = sound();
    facts.sysctls = {{kConf + "eth0/arp_announce", 1}};

    EXPECT_THAT(lines(facts),
                ElementsAre("arp_ignore of eth0 is 0: this host answers ARP for VIPs of lo; fix: "
                            "sysctl -w net.ipv4.conf.all.arp_ignore=1",
                            "arp_announce of eth0 is 1: neighbours learn from this host's ARP "
                            "requests that VIPs are here; fix: sysctl -w "
                            "net.ipv4.conf.all.arp_announce=2"));

    facts.filters[kEth0].quiet_arp = true;
    EXPECT_THAT(lines(facts), IsEmpty()) << "the agent's filter does it";
}

TEST(AgentCheck, AnArpIgnoreThatLooksAtTheScopeIsNotQuiet) {
    Facts facts = sound();
    facts.sysctls[kConf + "eth0/arp_ignore"] = 3;

    EXPECT_THAT(lines(facts), ElementsAre(HasSubstr("net/ipv4/conf/eth0/arp_ignore=1")));
}

TEST(AgentCheck, OnTheWireOnlyAFilterKeepsQuiet) {
    Facts facts = sound();
    facts.addresses = {{address("10.0.0.2"), 24, kEth0}, {address("fd00::2"), 64, kEth0}};

    EXPECT_THAT(lines(facts),
                ElementsAre("10.0.0.2 is on eth0: this host answers ARP for it there; fix: ip "
                            "address del 10.0.0.2/24 dev eth0 && ip address add 10.0.0.2/32 dev "
                            "lo"));
    EXPECT_THAT(lines(facts, Method::Dr, "fd00::2"),
                ElementsAre(HasSubstr("answers neighbour solicitations")));
    facts.filters[kEth0].quiet_arp = true;
    EXPECT_THAT(lines(facts), IsEmpty());
}

TEST(AgentCheck, AWideNetworkOnLoIsTaken) {
    Facts facts = sound();
    facts.addresses = {{address("10.0.0.2"), 24, kLo}};

    EXPECT_THAT(lines(facts), ElementsAre(HasSubstr("takes the whole network for itself")));
}

TEST(AgentCheck, StrictReversePathsMatterWhereAnswersDoNotLeave) {
    Facts facts = sound();
    facts.sysctls[kConf + "all/rp_filter"] = 1;
    EXPECT_THAT(lines(facts), IsEmpty()) << "one interface, both ways";

    facts.links.push_back(
        {.index = kEth1, .name = "eth1", .up = true, .ethernet = true, .mtu = 1500, .kind = ""});
    EXPECT_THAT(lines(facts), ElementsAre(HasSubstr("sysctl -w net/ipv4/conf/eth1/rp_filter=2")));
    facts.sysctls[kConf + "eth1/rp_filter"] = 2;
    EXPECT_THAT(lines(facts), IsEmpty());
}

TEST(AgentCheck, TunnelsNeedAnEndAndRoom) {
    EXPECT_THAT(lines(sound(), Method::Tun),
                ElementsAre(HasSubstr("fix: isobar-agent --vip 10.0.0.2 --tunnel ipip"),
                            HasSubstr("the MTU of eth0 is 1500")));

    Facts facts = sound();
    facts.links[1].mtu = 1520;
    facts.links.push_back({.index = kTunl0, .name = "tunl0", .kind = "ipip"});
    EXPECT_THAT(lines(facts, Method::Tun),
                ElementsAre("tunl0 is down: nothing here takes packets out of tunnels; fix: ip "
                            "link set dev tunl0 up"));
    facts.links.back().up = true;
    EXPECT_THAT(lines(facts, Method::Tun), IsEmpty());
    facts.sysctls[kConf + "all/rp_filter"] = 1;
    EXPECT_THAT(lines(facts, Method::Tun), ElementsAre(HasSubstr("rp_filter of tunl0 is strict")));
}

TEST(AgentCheck, TheAgentsProgramsAreATunnelsEnd) {
    Facts facts = sound();
    facts.filters[kEth0] = {.quiet_arp = false, .tunnels = {Tunnel::Gue}, .clamps_mss = true};

    EXPECT_THAT(lines(facts, Method::Tun), IsEmpty());
}

TEST(AgentCheck, NatWantsTheDirectorAsGatewayAndNoVip) {
    Facts facts = sound();
    EXPECT_THAT(lines(facts, Method::Nat),
                ElementsAre("10.0.0.2 is on lo: with NAT the VIP is the director's alone; fix: ip "
                            "address del 10.0.0.2/32 dev lo"));

    const Question question{{address("10.0.0.9")}, Method::Nat, address("10.0.0.254")};
    EXPECT_THAT(check(facts, question),
                ElementsAre(Finding{"the default gateway is 10.0.0.1",
                                    "answers must go back through the director, 10.0.0.254",
                                    "ip route replace default via 10.0.0.254"}));
    facts.default_routes.clear();
    EXPECT_THAT(
        check(facts, question),
        ElementsAre(Finding{"no default gateway", "answers must go back through the director",
                            "ip route replace default via 10.0.0.254"}));
}

TEST(AgentCheck, SomebodyMustListenWhereClientsCome) {
    Facts facts = sound();
    Question question{{address("10.0.0.2")}, Method::Dr, {}};
    const auto wanted = *model::Endpoint::parse("10.0.0.2:80");
    question.ports = {{model::Protocol::Tcp, wanted}};
    const auto with = [&](std::string_view endpoint, model::Protocol protocol) {
        facts.listening = {{{protocol, *model::Endpoint::parse(endpoint)}}};
        return check(facts, question);
    };

    EXPECT_THAT(check(facts, question), IsEmpty()) << "it is not known who listens";
    for (const char* good : {"0.0.0.0:80", "[::]:80", "10.0.0.2:80"})
        EXPECT_THAT(with(good, model::Protocol::Tcp), IsEmpty()) << good;
    const Finding none{"nothing listens on tcp port 80", "clients are refused",
                       "start what serves tcp port 80; ss -lnp shows what runs"};
    EXPECT_THAT(with("0.0.0.0:81", model::Protocol::Tcp), ElementsAre(none));
    EXPECT_THAT(with("0.0.0.0:80", model::Protocol::Udp), ElementsAre(none));
    EXPECT_THAT(with("10.0.0.5:80", model::Protocol::Tcp),
                ElementsAre(Finding{"tcp port 80 is listened on at 10.0.0.5 only",
                                    "clients' packets are for 10.0.0.2",
                                    "let what serves tcp port 80 listen on all addresses"}));
    question.ports[0].at.address = {model::Family::V4, {}};  // NAT: at any of this host
    EXPECT_THAT(with("10.0.0.5:80", model::Protocol::Tcp), IsEmpty());
}

TEST(AgentCheck, ADirectorThatIsToldJudgesGatewaysItself) {
    Facts facts = sound();
    facts.addresses.pop_back();
    facts.default_routes.clear();
    Question question{{address("10.0.0.2")}, Method::Nat, {}};
    EXPECT_THAT(check(facts, question), testing::SizeIs(1));
    question.leaves_gateway = true;
    EXPECT_THAT(check(facts, question), IsEmpty());
}

TEST(AgentCheck, PortsOfABridgeAreTheBridgesAffair) {
    Facts facts = sound();
    facts.sysctls = {{kConf + "eth0/arp_ignore", 1}, {kConf + "eth0/arp_announce", 2}};
    facts.links.push_back({.index = kEth1,
                           .name = "eth1",
                           .up = true,
                           .ethernet = true,
                           .mtu = 1500,
                           .kind = "",
                           .port_of_switch = true});

    EXPECT_THAT(lines(facts), IsEmpty());
}

}  // namespace
}  // namespace isobar::agent
