// SPDX-License-Identifier: Apache-2.0
// Packets that cannot go on: the sender is told why by ICMP, bit by bit as RFC 792 has it.
// tc does it; XDP hands such packets to tc untouched.
#include <sched.h>

#include "fixture.h"

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address;
constexpr V4 kServerIp = kServers[0].address;

class Refusals : public DatapathOnHook {
protected:
    void SetUp() override {
        DatapathOnHook::SetUp();
        if (IsSkipped()) return;
        bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
        bed().add_service(kDns, model::Scheduler::Rr, {0}, 53);
    }
    // The packet is answered by an error that quotes its header and 8 bytes more.
    void expect_refused(const Bytes& refused, isobar_verdict verdict, std::uint8_t type,
                        std::uint8_t code, std::uint32_t rest = 0) {
        const auto in = arriving(kClient, refused);
        const auto outcome = bed().send(hook(), Side::Outside, in);
        if (!is_tc()) {
            EXPECT_TRUE(passed(outcome, ISOBAR_TO_TC, in));
            return;
        }
        const std::size_t header = (refused.at(0) & 15u) * 4;
        Ip ip{kVip, kClientIp};
        ip.tos = 0xc0;
        ip.id = 0;
        const auto error = packet(ip, Icmp{type, code, rest, cut(refused, header + 8)});
        EXPECT_TRUE(became(outcome, verdict, Action::Redirect, arriving(kClient, error)));
    }
};
ISOBAR_ON_BOTH_HOOKS(Refusals);

TEST_P(Refusals, WithoutAServerThePortIsUnreachable) {
    expect_refused(packet(Ip{kClientIp, kVip}, Udp{40000, 53, text("who is it?")}),
                   ISOBAR_NO_SERVER, 3, 3);
    bed().apply({model::EditServer{kWeb, {endpoint(kServerIp, 80), 0}}});
    expect_refused(packet(Ip{kClientIp, kVip, 1, 0x10, 77, kDontFragment}, Tcp{40000, 80, kSyn}),
                   ISOBAR_NO_SERVER, 3, 3);
    EXPECT_EQ(0u, bed().connections().size());
}

TEST_P(Refusals, TheShortestDatagramIsQuotedWhole) {
    expect_refused(packet(Ip{kClientIp, kVip}, Udp{40000, 53}), ISOBAR_NO_SERVER, 3, 3);
}

TEST_P(Refusals, IpOptionsAreQuotedToo) {
    for (const std::size_t length : {4u, 8u, 24u, 40u}) {
        SCOPED_TRACE(length);
        Ip ip{kClientIp, kVip};
        ip.options = Bytes(length, 1);
        expect_refused(packet(ip, Udp{40000, 53, text("who is it?")}), ISOBAR_NO_SERVER, 3, 3);
    }
}

TEST_P(Refusals, TheEndOfTheTimeToLiveIsReported) {
    for (const std::uint8_t ttl : {std::uint8_t{1}, std::uint8_t{0}})
        expect_refused(packet(Ip{kClientIp, kVip, ttl}, Tcp{40000, 80, kSyn}), ISOBAR_TTL_EXPIRED,
                       11, 0);
}

TEST_P(Refusals, AServerWithoutRouteIsAnUnreachableHost) {
    bed().apply({model::AddServer{kWeb, {endpoint(v4(172, 16, 0, 1), 80), 1}}});
    expect_refused(packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kSyn}), ISOBAR_NO_ROUTE, 3, 1);
}

TEST_P(Refusals, ARouteThatSaysNoIsAnUnreachableHost) {
    for (const char* kind : {"blackhole", "unreachable", "prohibit"}) {
        SCOPED_TRACE(kind);
        ip(std::string("route replace ") + kind + " 172.16.0.0/24\n");
        bed().forget_nexthops();
        const model::RealServer server{endpoint(v4(172, 16, 0, 1), 80), 1};
        bed().apply({model::AddServer{kWeb, server}});
        expect_refused(packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kSyn}), ISOBAR_NO_ROUTE, 3, 1);
        bed().apply({model::RemoveServer{kWeb, server.address}});
        for (auto* conn : bed().connections()) conn->expires = bed().jiffies() - 1;
        ip(std::string("route del ") + kind + " 172.16.0.0/24\n");
    }
}

TEST_P(Refusals, TooBigForTheWayOutTellsItsMtu) {
    ip("link set dev inside mtu 1300\n");
    const Bytes payload(1261, 'x');  // a byte too many
    expect_refused(
        packet(Ip{kClientIp, kVip, 64, 0, 7, kDontFragment}, Tcp{40000, 80, kSyn, payload}),
        ISOBAR_TOO_BIG, 3, 4, 1300);
}

TEST_P(Refusals, WhatJustFitsIsForwarded) {
    ip("link set dev inside mtu 1300\n");
    const auto outcome =
        bed().send(hook(), Side::Outside,
                   arriving(kClient, packet(Ip{kClientIp, kVip, 64, 0, 7, kDontFragment},
                                            Tcp{40000, 80, kSyn, Bytes(1260, 'x')})));
    EXPECT_STREQ("FORWARDED", name(outcome.verdict));
}

TEST_P(Refusals, WhatMayBeCutUpIsRewrittenForTheStackToDoIt) {
    ip("link set dev inside mtu 1300\nlink set dev outside mtu 1280\n");
    const Tcp big{40000, 80, kSyn, Bytes(1400, 'x')};
    const Tcp big_reply{80, 40000, kSyn | kAck, Bytes(1400, 'x')};
    const auto in = arriving(kClient, packet(Ip{kClientIp, kVip}, big));
    const auto back_in = arriving(kServers[0], packet(Ip{kServerIp, kClientIp}, big_reply));

    const auto there = bed().send(hook(), Side::Outside, in);
    const auto back = bed().send(hook(), Side::Inside, back_in);

    if (is_tc()) {
        EXPECT_TRUE(became(there, ISOBAR_TO_STACK, Action::Pass,
                           arriving(kClient, packet(Ip{kClientIp, kServerIp, 63}, big))));
        EXPECT_TRUE(became(back, ISOBAR_TO_LOCAL, Action::Redirect,
                           to_lo(kServers[0], packet(Ip{kVip, kClientIp, 63}, big_reply))));
    } else {
        EXPECT_TRUE(passed(there, ISOBAR_TO_TC, in));
        EXPECT_TRUE(passed(back, ISOBAR_TO_TC, back_in));
    }
}

// The limit is per CPU.
TEST_F(Datapath, IcmpErrorsAreLimitedToAThousandASecond) {
    bed().add_service(kDns, model::Scheduler::Rr, {0}, 53);
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    const auto unrouted = service(model::Protocol::Tcp, 81);
    bed().apply({model::AddService{unrouted, model::Scheduler::Rr},
                 model::AddServer{unrouted, {endpoint(v4(172, 16, 0, 1), 81), 1}}});
    ip("link set dev inside mtu 1300\n");
    const auto in = question(40000);
    cpu_set_t before;
    cpu_set_t here;
    ASSERT_EQ(0, sched_getaffinity(0, sizeof(before), &before));
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    ASSERT_EQ(0, sched_setaffinity(0, sizeof(here), &here));

    (void)bed().run(Hook::Ingress, Side::Outside, in);  // its second begins
    bed().maps().settings().hz *= 1000;                 // and lasts, however slow the machine is
    for (int i = 1; i < 1000; ++i) (void)bed().run(Hook::Ingress, Side::Outside, in);
    const Ip df{kClientIp, kVip, 64, 0, 7, kDontFragment};
    const struct {
        isobar_verdict verdict;
        Bytes packet;
    } quiet[] = {
        {ISOBAR_NO_SERVER_QUIET, packet(Ip{kClientIp, kVip}, Udp{40000, 53})},
        {ISOBAR_NO_ROUTE_QUIET, packet(df, Tcp{40000, 81, kSyn})},
        {ISOBAR_TTL_EXPIRED_QUIET, packet(Ip{kClientIp, kVip, 1}, Tcp{40000, 80, kSyn})},
        {ISOBAR_TOO_BIG_QUIET, packet(df, Tcp{40001, 80, kSyn, Bytes(1261, 'x')})},
    };
    for (const auto& one : quiet) {
        const auto refused = arriving(kClient, one.packet);
        EXPECT_TRUE(became(bed().send(Hook::Ingress, Side::Outside, refused), one.verdict,
                           Action::Drop, refused));
    }
    sched_setaffinity(0, sizeof(before), &before);

    EXPECT_EQ(1000u, bed().count(ISOBAR_NO_SERVER));
}

TEST_F(Datapath, AReplyWhoseTimeToLiveEndsIsLeftToTheStackToTellTheServer) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    ASSERT_EQ(1, connect(40000));
    const auto reply =
        arriving(kServers[0], packet(Ip{kServerIp, kClientIp, 1}, Tcp{80, 40000, kSyn | kAck}));

    const auto outcome = bed().send(Hook::Ingress, Side::Inside, reply);

    EXPECT_TRUE(passed(outcome, ISOBAR_REPLY_REFUSED, reply));
}

}  // namespace
}  // namespace isobar::test
