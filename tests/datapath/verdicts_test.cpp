// SPDX-License-Identifier: Apache-2.0
// Packets that the data plane leaves alone, and removed servers: each under its own name.
#include "fixture.h"

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address;
constexpr V4 kServerIp = kServers[0].address;
constexpr V4 kStranger = v4(172, 16, 0, 1);

class Verdicts : public DatapathOnHook {
protected:
    void SetUp() override {
        DatapathOnHook::SetUp();
        if (!IsSkipped()) bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    }
};
ISOBAR_ON_BOTH_HOOKS(Verdicts);

Bytes from_client(const Bytes& packet) {
    return arriving(kClient, packet);
}

Bytes of_protocol(std::uint8_t protocol) {
    auto frame = from_client(packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kSyn}));
    frame[kProtocolAt] = protocol;
    fix_ip_checksum(frame);
    return frame;
}

Bytes tagged(const Bytes& frame, int tags) {
    Bytes out = frame;
    for (int i = 0; i < tags; ++i) out.insert(out.begin() + 12, {0x81, 0x00, 0x00, 0x07});
    return out;
}

TEST_P(Verdicts, WhatIsNoneOfOurBusinessPassesUntouched) {
    const Macs macs{own_mac(Side::Outside), kClient.mac()};
    const auto syn = Tcp{40000, 80, kSyn};
    const struct {
        const char* description;
        Side side;
        Bytes frame;
        isobar_verdict verdict;
    } cases[] = {
        {"between strangers", Side::Outside, from_client(packet(Ip{kClientIp, kStranger}, syn)),
         ISOBAR_NOT_OURS},
        {"another port of the virtual address", Side::Outside,
         from_client(packet(Ip{kClientIp, kVip}, Tcp{40000, 81, kSyn})), ISOBAR_NO_SERVICE},
        {"the other protocol on the service's port", Side::Outside,
         from_client(packet(Ip{kClientIp, kVip}, Udp{40000, 80})), ISOBAR_NO_SERVICE},
        {"a real server as a client of others", Side::Inside,
         arriving(kServers[0], packet(Ip{kServerIp, kStranger}, Tcp{40000, 443, kSyn})),
         ISOBAR_NO_SERVICE},
        {"straight to a real server", Side::Outside,
         from_client(packet(Ip{kClientIp, kServerIp}, syn)), ISOBAR_NO_SERVICE},
        {"ACK without connection", Side::Outside, request(40000, kAck), ISOBAR_NO_CONNECTION},
        {"FIN without connection", Side::Outside, request(40000, kFin), ISOBAR_NO_CONNECTION},
        {"RST without connection", Side::Outside, request(40000, kRst), ISOBAR_NO_CONNECTION},
        {"FTP's data port as a client", Side::Outside, request(20, kSyn), ISOBAR_NO_CONNECTION},
        {"SCTP without a service", Side::Outside, of_protocol(132), ISOBAR_NO_SERVICE},
        {"ESP", Side::Outside, of_protocol(50), ISOBAR_NOT_OURS},
        {"GRE", Side::Outside, of_protocol(47), ISOBAR_NOT_OURS},
        {"IPIP", Side::Outside, of_protocol(4), ISOBAR_NOT_OURS},
        {"ARP", Side::Outside, on_wire(macs, Bytes(46, 1), 0x0806), ISOBAR_NOT_OURS},
        {"ARP, too short", Side::Outside, on_wire(macs, Bytes(7, 1), 0x0806), ISOBAR_NOT_OURS},
        {"IPv6", Side::Outside, on_wire(macs, Bytes(60, 0x60), 0x86dd), ISOBAR_NOT_OURS},
        {"IPv6 in a frame that says IPv4", Side::Outside, on_wire(macs, Bytes(60, 0x60)),
         ISOBAR_NOT_OURS},
        {"a VLAN tag", Side::Outside, tagged(request(40000, kSyn), 1), ISOBAR_NOT_OURS},
        {"two VLAN tags", Side::Outside, tagged(request(40000, kSyn), 2), ISOBAR_NOT_OURS},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.description);
        EXPECT_TRUE(passed(bed().send(hook(), c.side, c.frame), c.verdict, c.frame));
    }
    EXPECT_EQ(0u, bed().connections().size());
}

TEST_P(Verdicts, FramesForOthersAreNotLookedAt) {
    for (const Mac target : {Mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, Mac{1, 0, 0x5e, 0, 0, 1}}) {
        auto frame = request(40000, kSyn);
        std::copy(target.begin(), target.end(), frame.begin());

        const auto outcome = bed().send(hook(), Side::Outside, frame);

        // tc sees from the kernel's mark that the frame is not for this host
        EXPECT_TRUE(passed(outcome, is_tc() ? ISOBAR_VERDICTS : ISOBAR_NOT_OURS, frame));
    }
    EXPECT_EQ(0u, bed().connections().size());
}

TEST_P(Verdicts, WithoutForwardingThePacketIsLeftToTheStack) {
    write_sysctl("ipv4/ip_forward", "0");
    const auto syn = request(40000, kSyn);
    EXPECT_TRUE(passed(bed().send(hook(), Side::Outside, syn), ISOBAR_FORWARDING_OFF, syn));
}

// XDP must know the neighbour's MAC address; at tc the kernel asks for it.
TEST_P(Verdicts, AnUnknownNeighbourIsAskedForAtTc) {
    ip("neigh del 192.168.10.100 dev inside\n");
    const auto syn = request(40000, kSyn);

    const auto outcome = bed().send(hook(), Side::Outside, syn);

    if (is_tc())
        EXPECT_TRUE(
            became(outcome, ISOBAR_FORWARDED, Action::Redirect,
                   from_client(packet(Ip{kClientIp, kServerIp, 63}, Tcp{40000, 80, kSyn}))));
    else
        EXPECT_TRUE(passed(outcome, ISOBAR_TO_TC, syn));
}

TEST_P(Verdicts, XdpLeavesToTcWhatGoesOutWhereXdpIsNot) {
    ASSERT_TRUE(bed().plane().set_hook("inside", dataplane::Hook::Tc));
    const auto syn = request(40000, kSyn);
    const auto outcome = bed().send(hook(), Side::Outside, syn);
    if (is_tc())
        EXPECT_STREQ("FORWARDED", name(outcome.verdict));
    else
        EXPECT_TRUE(passed(outcome, ISOBAR_TO_TC, syn));
}

// ---- removed servers ---------------------------------------------------------------

TEST_P(Verdicts, PacketsForARemovedServerAreDroppedUntilItIsBack) {
    const auto address = endpoint(kServerIp, 80);
    ASSERT_EQ(1, connect(40000, hook()));
    const auto ack = request(40000, kAck);

    bed().apply({model::RemoveServer{kWeb, address}});
    const auto gone = bed().send(hook(), Side::Outside, ack);
    const auto still_answering = bed().send(hook(), Side::Inside, reply(kServers[0], 40000, kAck));
    bed().apply({model::AddServer{kWeb, {address, 1}}});
    const auto back = bed().send(hook(), Side::Outside, ack);

    EXPECT_TRUE(became(gone, ISOBAR_SERVER_REMOVED, Action::Drop, ack));
    EXPECT_STREQ("REPLIED", name(still_answering.verdict));
    EXPECT_STREQ("FORWARDED", name(back.verdict));
    const auto status = bed().plane().services().value().at(0).servers.at(0);
    EXPECT_EQ(1u, status.active);
    EXPECT_EQ(1u, status.traffic.connections);
    EXPECT_EQ(2u, status.traffic.in_packets);
    EXPECT_EQ(1u, status.traffic.out_packets);
}

TEST_P(Verdicts, AServiceMadeAnewWithTheSameServerKeepsTheConnections) {
    ASSERT_EQ(1, connect(40000, hook()));

    bed().apply({model::RemoveService{kWeb}});
    const auto without = bed().send(hook(), Side::Outside, request(40000, kAck));
    bed().add_service(kWeb, model::Scheduler::Wlc, {1}, 80);
    const auto again = bed().send(hook(), Side::Outside, request(40000, kAck));

    EXPECT_STREQ("SERVER_REMOVED", name(without.verdict));
    EXPECT_STREQ("FORWARDED", name(again.verdict));
}

TEST_P(Verdicts, AQuiescedServerKeepsItsConnections) {
    ASSERT_EQ(1, connect(40000, hook()));
    bed().apply({model::EditServer{kWeb, {endpoint(kServerIp, 80), 0}}});
    const auto old = bed().send(hook(), Side::Outside, request(40000, kAck));
    EXPECT_STREQ("FORWARDED", name(old.verdict));
    EXPECT_EQ(0, connect(40001, hook()));
}

// ---- clients on the director itself --------------------------------------------------

TEST_F(Datapath, AClientOnTheDirectorIsServedAtEgress) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);

    const auto syn = bed().send_local(packet(Ip{kOwnOutside, kVip}, Tcp{40000, 80, kSyn}));
    const auto syn_ack = bed().send(
        Hook::Ingress, Side::Inside,
        arriving(kServers[0], packet(Ip{kServerIp, kOwnOutside}, Tcp{80, 40000, kSyn | kAck})));

    EXPECT_TRUE(became(syn, ISOBAR_FORWARDED, Action::Redirect,
                       on_wire({}, packet(Ip{kOwnOutside, kServerIp, 63}, Tcp{40000, 80, kSyn}))));
    EXPECT_TRUE(
        became(syn_ack, ISOBAR_TO_LOCAL, Action::Redirect,
               to_lo(kServers[0], packet(Ip{kVip, kOwnOutside, 63}, Tcp{80, 40000, kSyn | kAck}))));
}

TEST_F(Datapath, AReplyForAClientOnTheDirectorIsTcsWork) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    (void)bed().send_local(packet(Ip{kOwnOutside, kVip}, Tcp{40000, 80, kSyn}));
    const auto syn_ack =
        arriving(kServers[0], packet(Ip{kServerIp, kOwnOutside}, Tcp{80, 40000, kSyn | kAck}));

    EXPECT_TRUE(passed(bed().send(Hook::Xdp, Side::Inside, syn_ack), ISOBAR_TO_TC, syn_ack));
}

}  // namespace
}  // namespace isobar::test
