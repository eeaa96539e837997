// SPDX-License-Identifier: Apache-2.0
#include "isobar/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobar::cli {
namespace {

using model::Address;
using model::ForwardingMethod;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kLo = 1, kEth0 = 2, kEth1 = 3;
constexpr Mac kRealMac{2, 0, 0, 0, 0, 100}, kOtherMac{2, 0, 0, 0, 0, 9};
const Address kVip = Address::v4(10, 0, 0, 2);
const Address kReal = Address::v4(192, 168, 10, 100);

// A director with one service and one server, that are as they should be.
DoctorFacts sound(ForwardingMethod method = ForwardingMethod::Nat) {
    DoctorFacts facts;
    facts.host = "vs";
    facts.links = {
        {.index = kLo, .name = "lo", .up = true, .mtu = 65536, .kind = ""},
        {.index = kEth0, .name = "eth0", .up = true, .ethernet = true, .mtu = 1500, .kind = ""},
        {.index = kEth1, .name = "eth1", .up = true, .ethernet = true, .mtu = 1500, .kind = ""}};
    facts.addresses = {{Address::v4(10, 0, 0, 1), 24, kEth0},
                       {kVip, 24, kEth0},
                       {Address::v4(192, 168, 10, 1), 24, kEth1}};
    facts.hooks = {{"lo", true, false}, {"eth0", true, true}, {"eth1", true, false}};
    facts.reach = {{kVip, {.local = true, .route = true, .link = kLo, .gateway = {}}},
                   {kReal, {.local = false, .route = true, .link = kEth1, .gateway = {}}}};
    api::ServiceView service;
    service.name = "web";
    service.status.key = {model::Protocol::Tcp, {kVip, 80}};
    service.status.servers.resize(1);
    service.status.servers[0].server.address = {kReal, 80};
    service.status.servers[0].server.method = method;
    facts.services = {service};
    facts.asked = arp_questions(facts);
    facts.answers = {{kEth1, kReal, kRealMac}};
    return facts;
}

std::vector<std::string> faults(const DoctorFacts& facts) {
    std::vector<std::string> lines;
    for (const auto& fault : diagnose(facts).faults())
        lines.push_back(fault.host + ": " + fault.finding.line());
    return lines;
}

TEST(Doctor, FindsNothingWhereNothingIsWrong) {
    EXPECT_THAT(faults(sound()), IsEmpty());
    EXPECT_THAT(faults(sound(ForwardingMethod::Dr)), IsEmpty());
    const auto text = diagnosis_text(diagnose(sound()), Colours::Off);
    EXPECT_THAT(text, HasSubstr("director vs\n  ✓ isobard answers\n"));
    EXPECT_THAT(text, HasSubstr("eth0 (XDP and tc)"));
    EXPECT_THAT(text, HasSubstr("no faults\n"));
}

TEST(Doctor, AsksForServersWhereTheyAreAndForVirtualAddressesEverywhere) {
    const Address outside = Address::v4(10, 0, 0, 1), inside = Address::v4(192, 168, 10, 1);
    EXPECT_THAT(arp_questions(sound()),
                testing::UnorderedElementsAre(ArpQuestion{kEth0, kVip, outside},
                                              ArpQuestion{kEth1, kVip, inside},
                                              ArpQuestion{kEth1, kReal, inside}));
}

TEST(Doctor, TheServerThatAnswersForTheVipIsNamed) {
    auto facts = sound(ForwardingMethod::Dr);
    facts.answers.push_back({kEth1, kVip, kRealMac});
    EXPECT_THAT(faults(facts),
                ElementsAre("real server 192.168.10.100: it answers ARP for 10.0.0.2 on eth1: "
                            "clients that hear it first pass the director by; fix: sysctl -w "
                            "net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2"));
    facts.answers.back().mac = kOtherMac;
    EXPECT_THAT(faults(facts), ElementsAre(HasSubstr("MAC address 02:00:00:00:00:09: it has")));
}

TEST(Doctor, ASilentServerIsNotBlamedForMore) {
    auto facts = sound();
    facts.answers.clear();
    api::ServerStanding standing;
    standing.address = {kReal, 80};
    standing.up = false;
    standing.reason = "down: no route";
    standing.health = control::Health::Down;
    facts.services[0].standings.push_back(standing);
    EXPECT_THAT(faults(facts), ElementsAre(HasSubstr("does not answer ARP on eth1")));
    facts.answers = {{kEth1, kReal, kRealMac}};
    EXPECT_THAT(faults(facts), ElementsAre(HasSubstr("web: down: no route")));
    facts.services[0].status.servers.clear();
    facts.services[0].standings[0].by_hand = true;
    EXPECT_THAT(faults(facts), IsEmpty()) << "somebody has taken it out";
}

TEST(Doctor, BehindARouterTheRouterIsAsked) {
    auto facts = sound();
    facts.reach[kReal].gateway = Address::v4(192, 168, 10, 7);
    facts.asked = arp_questions(facts);
    EXPECT_THAT(faults(facts), ElementsAre(HasSubstr("192.168.10.7 does not answer ARP on eth1")));
    facts.answers = {{kEth1, Address::v4(192, 168, 10, 7), kOtherMac}};
    EXPECT_THAT(faults(facts), IsEmpty());
}

TEST(Doctor, TheDirectorsOwnFaultsComeFirst) {
    auto facts = sound(ForwardingMethod::Tun);
    facts.forwards4 = false;
    facts.reach[kVip].local = false;
    facts.addresses.erase(facts.addresses.begin() + 1);
    facts.hooks[2].tc = false;
    facts.links[2].mtu = 1400;
    facts.masquerades.resize(1);
    facts.masquerade_rules = false;
    EXPECT_THAT(faults(facts),
                ElementsAre(HasSubstr("fix: sysctl -w net.ipv4.ip_forward=1"),
                            HasSubstr("fix: ip address add 10.0.0.2/24 dev eth0"),
                            HasSubstr("fix: systemctl restart isobard"),
                            HasSubstr("fix: systemctl reload isobard"),
                            HasSubstr("fix: on the director: ip link set dev eth1 mtu 1500")));
}

TEST(Doctor, WhatAgentsSayIsShownAndMadePrintable) {
    auto facts = sound();
    facts.agents = {{.address = kReal,
                     .at = facts.now,
                     .host = "real1",
                     .findings = {{"bad\x1b[31m", "why", "fix\n"}},
                     .gateways = {Address::v4(192, 168, 10, 1)}}};
    EXPECT_THAT(faults(facts),
                ElementsAre("real server 192.168.10.100: bad\\x1b[31m: why; fix: fix\\n"));
    facts.agents[0].findings.clear();
    facts.agents[0].gateways = {Address::v4(192, 168, 10, 7)};
    EXPECT_THAT(faults(facts), ElementsAre(HasSubstr("ip route replace default via 192.168.10.1")));
}

TEST(Doctor, WithoutADataPlaneNothingElseIsLookedAt) {
    DoctorFacts facts;
    facts.host = "vs";
    facts.no_plane = "there is none";
    EXPECT_THAT(faults(facts), ElementsAre(HasSubstr("fix: systemctl start isobard")));
    const auto text = diagnosis_text(diagnose(facts), Colours::Off);
    EXPECT_THAT(text, HasSubstr("1 fault; the first to mend: director vs: there is no data plane"));
}

}  // namespace
}  // namespace isobar::cli
