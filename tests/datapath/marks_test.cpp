// SPDX-License-Identifier: Apache-2.0
// Services by firewall mark: by the packet's own mark, which tc alone sees, and by rules.
#include "fixture.h"

namespace isobar::test {
namespace {

const model::ServiceKey kMarked = model::ServiceKey::by_mark(5);
const model::ServiceKey kGroup = model::ServiceKey::by_mark(model::kFirstGroupMark + 5);
constexpr V4 kElsewhere = kVip + 50;  // no service has this address

model::Network network(V4 address, unsigned prefix) {
    return model::Network::around(endpoint(address, 0).address, prefix);
}

model::MarkRule rule(model::Protocol protocol, V4 to, model::Port first, model::Port last,
                     std::uint32_t mark) {
    return {protocol, network(0, 0), network(to, 32), first, last, mark};
}

Bytes syn(std::uint16_t client_port, V4 to, std::uint16_t port) {
    return arriving(kClient, packet(Ip{.source = kClient.address, .destination = to},
                                    Tcp{client_port, port, kSyn}));
}

class Marks : public DatapathOnHook {
protected:
    // To any server.
    testing::AssertionResult is_served(const Bytes& frame, std::uint32_t mark = 0) {
        const auto outcome = bed().send(hook(), Side::Outside, frame, 0, mark);
        if (outcome.verdict == ISOBAR_FORWARDED && server_of(outcome.frame) != 0)
            return testing::AssertionSuccess();
        return testing::AssertionFailure() << "verdict " << name(outcome.verdict);
    }
    isobar_verdict verdict(const Bytes& frame, std::uint32_t mark = 0) {
        return bed().send(hook(), Side::Outside, frame, 0, mark).verdict;
    }
};
ISOBAR_ON_BOTH_HOOKS(Marks);

TEST_P(Marks, ThePacketsOwnMarkChoosesTheServiceWhateverItsAddress) {
    bed().add_service(kMarked, model::Scheduler::Rr, {1, 1}, 0);

    if (!is_tc()) {
        EXPECT_EQ(verdict(syn(4000, kElsewhere, 80), 5), ISOBAR_NOT_OURS);
        return;
    }
    EXPECT_TRUE(is_served(syn(4000, kElsewhere, 80), 5));
    EXPECT_TRUE(is_served(syn(4001, kVip, 8080), 5));
    EXPECT_EQ(verdict(syn(4002, kElsewhere, 80), 6), ISOBAR_NO_SERVICE);
    EXPECT_EQ(verdict(syn(4003, kElsewhere, 80)), ISOBAR_NOT_OURS);
}

TEST_P(Marks, AServerOfAMarkKeepsThePortOfThePacket) {
    bed().add_service(kGroup, model::Scheduler::Rr, {1}, 0);
    ASSERT_TRUE(bed().plane().set_groups(
        std::vector{rule(model::Protocol::Tcp, kVip, 80, 8080, kGroup.mark)}));

    for (const std::uint16_t port : {std::uint16_t{80}, std::uint16_t{8080}}) {
        const auto outcome = bed().send(hook(), Side::Outside, syn(4000, kVip, port));
        EXPECT_EQ(outcome.verdict, ISOBAR_FORWARDED);
        EXPECT_EQ(get16(outcome.frame, kL4At + 2), port);
    }
    // the way back
    EXPECT_EQ(bed().send(hook(), Side::Inside, reply(kServers[0], 4000, kSyn | kAck, 8080)).verdict,
              ISOBAR_REPLIED);
}

TEST_P(Marks, WhatAnotherHostSentIsNoCheckWhateverItsMark) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1, 0}, 80);
    const auto way = model::ServiceKey::by_mark(model::kFirstProbeMark + 5);
    bed().add_service(way, model::Scheduler::Rr, {0, 1}, 80);

    const auto outcome = bed().send(hook(), Side::Outside, syn(4000, kVip, 80), 0, way.mark);

    EXPECT_EQ(outcome.verdict, ISOBAR_FORWARDED);
    EXPECT_EQ(server_of(outcome.frame), 1U);
}

TEST_P(Marks, XdpLeavesNewConnectionsToTcWhereTheHostMarks) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    EXPECT_TRUE(is_served(syn(4000, kVip, 80)));

    bed().add_service(kMarked, model::Scheduler::Rr, {1}, 0);

    EXPECT_TRUE(is_served(syn(4000, kVip, 80))) << "a connection that is there goes on";
    if (is_tc())
        EXPECT_TRUE(is_served(syn(4001, kVip, 80)));
    else
        EXPECT_EQ(verdict(syn(4001, kVip, 80)), ISOBAR_TO_TC);
}

TEST_P(Marks, AMarkComesBeforeTheServiceOfTheAddress) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    bed().apply({model::AddService{kGroup, model::Scheduler::Rr},
                 model::AddServer{kGroup, {endpoint(kServers[2].address, 0), 1}}});
    ASSERT_TRUE(bed().plane().set_groups(
        std::vector{rule(model::Protocol::Any, kVip, 80, 80, kGroup.mark)}));

    EXPECT_EQ(connect(4000, hook()), 3);

    ASSERT_TRUE(bed().plane().set_groups({}));
    EXPECT_EQ(connect(4001, hook()), 1);
}

TEST_P(Marks, ARuleFitsByProtocolNetworksAndPorts) {
    bed().add_service(kGroup, model::Scheduler::Rr, {1}, 0);
    const auto client_net = network(kClient.address, 24);
    const auto nobody = network(kElsewhere, 32);
    const struct {
        model::MarkRule rule;
        bool fits;
    } cases[] = {
        {{model::Protocol::Tcp, network(0, 0), network(kVip, 32), 80, 80, kGroup.mark}, true},
        {{model::Protocol::Any, client_net, network(kVip, 24), 0, 65535, kGroup.mark}, true},
        {{model::Protocol::Any, network(0, 0), network(0, 0), 79, 81, kGroup.mark}, true},
        {{model::Protocol::Udp, network(0, 0), network(kVip, 32), 80, 80, kGroup.mark}, false},
        {{model::Protocol::Tcp, network(0, 0), network(kVip, 32), 81, 65535, kGroup.mark}, false},
        {{model::Protocol::Tcp, network(0, 0), network(kVip, 32), 0, 79, kGroup.mark}, false},
        {{model::Protocol::Tcp, nobody, network(kVip, 32), 80, 80, kGroup.mark}, false},
        {{model::Protocol::Tcp, network(0, 0), nobody, 80, 80, kGroup.mark}, false},
    };
    std::uint16_t port = 4000;
    for (const auto& [rule, fits] : cases) {
        ASSERT_TRUE(bed().plane().set_groups(std::vector{rule}));
        EXPECT_EQ(bool(is_served(syn(++port, kVip, 80))), fits) << port - 4001;
    }
}

TEST_P(Marks, ConnectionsOutliveTheirRule) {
    bed().add_service(kGroup, model::Scheduler::Rr, {1}, 0);
    ASSERT_TRUE(bed().plane().set_groups(
        std::vector{rule(model::Protocol::Tcp, kElsewhere, 80, 80, kGroup.mark)}));
    EXPECT_TRUE(is_served(syn(4000, kElsewhere, 80)));

    ASSERT_TRUE(bed().plane().set_groups({}));

    EXPECT_TRUE(is_served(syn(4000, kElsewhere, 80)));
    EXPECT_FALSE(is_served(syn(4001, kElsewhere, 80)));
}

TEST_P(Marks, OneTemplateForAllAddressesOfAGroup) {
    bed().apply({model::AddService{kGroup, model::Scheduler::Rr, {}, model::Persistence{}},
                 model::AddServer{kGroup, {endpoint(kServers[0].address, 0), 1}},
                 model::AddServer{kGroup, {endpoint(kServers[1].address, 0), 1}}});
    ASSERT_TRUE(bed().plane().set_groups(
        std::vector{rule(model::Protocol::Tcp, kVip, 80, 80, kGroup.mark),
                    rule(model::Protocol::Tcp, kElsewhere, 443, 443, kGroup.mark)}));

    const auto first = bed().send(hook(), Side::Outside, syn(4000, kVip, 80));
    const auto second = bed().send(hook(), Side::Outside, syn(4001, kElsewhere, 443));

    EXPECT_NE(server_of(first.frame), 0);
    EXPECT_EQ(server_of(first.frame), server_of(second.frame));
}

class MarkRuleRoom : public Datapath {};

TEST_F(MarkRuleRoom, MoreRulesThanThereIsRoomForAreRefusedAndTheOldOnesStay) {
    const auto one = rule(model::Protocol::Tcp, kVip, 80, 80, kGroup.mark);
    ASSERT_TRUE(bed().plane().set_groups(std::vector{one}));

    const auto refused = bed().plane().set_host_marks(std::vector(ISOBAR_RULES, one));

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, Fault::Full);
    EXPECT_EQ(bed().plane().groups(), std::vector{one});
    ASSERT_TRUE(bed().plane().set_host_marks(std::vector(ISOBAR_RULES - 1, one)));
    EXPECT_EQ(bed().plane().host_marks().size(), ISOBAR_RULES - 1U);
}

TEST_F(MarkRuleRoom, GroupsComeBeforeTheHostsMarks) {
    bed().add_service(kGroup, model::Scheduler::Rr, {1}, 0);
    bed().apply({model::AddService{kMarked, model::Scheduler::Rr},
                 model::AddServer{kMarked, {endpoint(kServers[2].address, 0), 1}}});
    ASSERT_TRUE(bed().plane().set_host_marks(
        std::vector{rule(model::Protocol::Tcp, kVip, 0, 65535, kMarked.mark)}));
    ASSERT_TRUE(bed().plane().set_groups(
        std::vector{rule(model::Protocol::Tcp, kVip, 80, 80, kGroup.mark)}));

    EXPECT_EQ(connect(4000), 1);
    EXPECT_EQ(server_of(bed().send(Hook::Ingress, Side::Outside, syn(4001, kVip, 81)).frame), 3);
}

}  // namespace
}  // namespace isobar::test
