// SPDX-License-Identifier: Apache-2.0
// One-packet scheduling: every datagram gets a server anew, and leaves no connection.
#include "fixture.h"

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address;

class OnePacket : public DatapathOnHook {
protected:
    void serve(model::Scheduler scheduler, std::optional<model::Persistence> persistence = {}) {
        model::AddService add{kDns, scheduler};
        add.persistence = persistence;
        add.one_packet = true;
        bed().apply({add, model::AddServer{kDns, {endpoint(kServers[0].address, 53)}},
                     model::AddServer{kDns, {endpoint(kServers[1].address, 53)}}});
    }
    // Which server the question goes to.
    int ask(Hook at) { return server_of(bed().send(at, Side::Outside, question(40000)).frame); }
    int ask() { return ask(hook()); }
    model::ServiceStatus status() { return bed().plane().services().value().at(0); }
};
ISOBAR_ON_BOTH_HOOKS(OnePacket);

TEST_P(OnePacket, EveryDatagramIsScheduledAndNoConnectionStays) {
    serve(model::Scheduler::Rr);

    EXPECT_EQ((std::vector{2, 1, 2, 1}), (std::vector{ask(), ask(), ask(), ask()}));

    EXPECT_EQ(0u, bed().connections().size());
    EXPECT_EQ(0u, bed().tags_in_use());
    // each counts as a connection (ip_vs_conn_stats), of which none is left
    EXPECT_EQ(4u, status().traffic.connections);
    EXPECT_EQ(4u, status().traffic.in_packets);
    for (const auto& server : status().servers) {
        EXPECT_EQ(2u, server.traffic.connections);
        EXPECT_EQ(0u, server.active + server.inactive);
    }
}

TEST_P(OnePacket, NobodyKnowsTheReplyOfANatedServer) {
    serve(model::Scheduler::Rr);
    ASSERT_EQ(2, ask());
    const auto reply = answer(kServers[1], 40000);
    EXPECT_TRUE(passed(bed().send(hook(), Side::Inside, reply), ISOBAR_NO_SERVICE, reply));
}

// What XDP could not finish, tc does, with the same server and without counting it twice.
TEST_P(OnePacket, WhatXdpLeavesToTcIsScheduledOnce) {
    serve(model::Scheduler::Rr);
    ip("neigh del 192.168.10.101 dev inside\n");
    if (!is_tc()) {
        EXPECT_STREQ("TO_TC", name(bed().send(hook(), Side::Outside, question(40000)).verdict));
    }
    EXPECT_EQ(2, ask(Hook::Ingress));
    EXPECT_EQ(1u, status().traffic.connections);
    EXPECT_EQ(1, ask());
    EXPECT_EQ(2u, status().traffic.connections);
}

TEST_P(OnePacket, AClientOfAPersistentServiceStaysWithItsServer) {
    serve(model::Scheduler::Rr, model::Persistence{});

    EXPECT_EQ((std::vector{2, 2, 2}), (std::vector{ask(), ask(), ask()}));

    ASSERT_EQ(1u, bed().connections().size());  // the template
    EXPECT_EQ(0u, bed().connections()[0]->controlled);
    EXPECT_EQ(3u, status().traffic.connections);
}

TEST_P(OnePacket, TheFragmentsOfADatagramGoToOneServer) {
    serve(model::Scheduler::Rr);
    const auto piece = [&](std::uint16_t id, std::uint16_t bits) {
        Ip ip{kClientIp, kVip, 64, 0, id, bits};
        // the first one begins with the header of 1,000 bytes of datagram
        auto frame = arriving(kClient, packet(ip, Udp{40000, 53, Bytes(504, 'q')}));
        if (bits & kMoreFragments) set16(frame, kUdpLengthAt, 1000);
        return server_of(bed().send(hook(), Side::Outside, frame).frame);
    };
    for (std::uint16_t id = 1; id <= 4; ++id) {
        const int server = id % 2 == 0 ? 1 : 2;
        EXPECT_EQ(server, piece(id, kMoreFragments));
        EXPECT_EQ(server, piece(id, 64 | kMoreFragments));
        EXPECT_EQ(server, piece(id, 128));
    }
    EXPECT_EQ(4u, status().traffic.connections);
    EXPECT_EQ(0u, bed().connections().size());
}

TEST_P(OnePacket, SwitchedOffAClientKeepsItsServer) {
    serve(model::Scheduler::Rr);
    (void)ask();
    bed().apply({model::EditService{kDns, model::Scheduler::Rr}});

    EXPECT_EQ((std::vector{1, 1, 1}), (std::vector{ask(), ask(), ask()}));

    EXPECT_FALSE(status().one_packet);
    EXPECT_EQ(1u, bed().connections().size());
}

TEST_F(Datapath, OnePacketSchedulingIsForUdpOnly) {
    model::AddService add{kWeb};
    add.one_packet = true;
    EXPECT_FALSE(bed().plane().apply(std::vector<model::Change>{add}));
}

}  // namespace
}  // namespace isobar::test
