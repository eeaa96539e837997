// SPDX-License-Identifier: Apache-2.0
// IPVS's switches about ICMP: nat_icmp_send, which tells a real server that nobody knows what it
// sends, and schedule_icmp, by which an error about an unknown packet reaches a server.
#include "fixture6.h"

#include "dataplane/convert.h"

#include <bpf/bpf.h>

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address;
constexpr V4 kServerIp = kServers[0].address;
constexpr std::uint16_t kPort = 40000;
const model::ServiceKey kMarked = model::ServiceKey::by_mark(5);

class WithSwitch : public DatapathOnHook {
protected:
    void set(const model::Switches& switches) { ASSERT_TRUE(bed().plane().set_switches(switches)); }
    Outcome from_server(const Bytes& packet, Side side = Side::Inside) {
        return bed().send(hook(), side, arriving(kServers[0], packet));
    }
    // The verdict for a datagram from that port of the first server.
    isobar_verdict speaks(std::uint16_t port, V4 to = kClientIp) {
        return from_server(packet(Ip{kServerIp, to}, Udp{port, kPort, text("me")})).verdict;
    }
    // XDP does not look which it is.
    [[nodiscard]] static isobar_verdict told() {
        return is_tc() ? ISOBAR_REPLY_UNKNOWN : ISOBAR_TO_TC;
    }
    [[nodiscard]] static isobar_verdict left_alone() {
        return is_tc() ? ISOBAR_NO_SERVICE : ISOBAR_TO_TC;
    }
};

// ---- nat_icmp_send ----

class NatIcmpSend : public WithSwitch {
protected:
    void SetUp() override {
        WithSwitch::SetUp();
        if (IsSkipped()) return;
        bed().add_service(kDns, model::Scheduler::Rr, {1}, 53);
        bed().add_service(kWeb, model::Scheduler::Rr, {1}, 8080);
        set({.nat_icmp_send = 1});
    }
};
ISOBAR_ON_BOTH_HOOKS(NatIcmpSend);

TEST_P(NatIcmpSend, WhatAServerSendsWithoutAConnectionIsAnsweredByTheDirector) {
    const auto unasked = packet(Ip{kServerIp, kClientIp}, Udp{53, kPort, text("nobody asked")});
    const auto in = arriving(kServers[0], unasked);

    const auto outcome = from_server(unasked);

    if (!is_tc()) {
        EXPECT_TRUE(passed(outcome, ISOBAR_TO_TC, in));
        return;
    }
    Ip ip{kOwnInside, kServerIp};
    ip.tos = 0xc0;
    ip.id = 0;
    EXPECT_TRUE(became(outcome, ISOBAR_REPLY_UNKNOWN, Action::Redirect,
                       arriving(kServers[0], packet(ip, Icmp{3, 3, 0, cut(unasked, 28)}))));
    set({});
    EXPECT_TRUE(passed(from_server(unasked), ISOBAR_NO_SERVICE, in));
}

TEST_P(NatIcmpSend, AReplyOfAConnectionAndAResetGoOn) {
    ASSERT_EQ(1, connect(kPort, hook()));
    const auto tcp = [&](std::uint16_t client_port, std::uint8_t flags) {
        return from_server(packet(Ip{kServerIp, kClientIp}, Tcp{8080, client_port, flags})).verdict;
    };
    EXPECT_EQ(ISOBAR_REPLIED, tcp(kPort, kSyn | kAck));
    EXPECT_EQ(told(), tcp(kPort + 1, kAck));
    EXPECT_EQ(ISOBAR_NO_SERVICE, tcp(kPort + 1, kRst | kAck));
}

TEST_P(NatIcmpSend, OnlyAddressPortAndProtocolOfAServerByNatCount) {
    EXPECT_EQ(told(), speaks(53));
    EXPECT_EQ(left_alone(), speaks(8080)) << "that is its port for TCP";
    EXPECT_EQ(left_alone(), speaks(54));

    bed().apply(
        {model::EditServer{kDns, {endpoint(kServerIp, 53), 1, model::ForwardingMethod::Dr}}});
    EXPECT_EQ(left_alone(), speaks(53));
    bed().apply({model::EditServer{kDns, {endpoint(kServerIp, 53), 0}}});
    EXPECT_EQ(told(), speaks(53));
    bed().apply({model::RemoveServer{kDns, endpoint(kServerIp, 53)}});
    EXPECT_EQ(left_alone(), speaks(53));
    bed().apply({model::AddServer{kDns, {endpoint(kServerIp, 53), 1}}});
    EXPECT_EQ(told(), speaks(53));
}

TEST_P(NatIcmpSend, AServerOfSeveralServicesIsKnownAsLongAsItIsOfOne) {
    const auto other = service(model::Protocol::Udp, 54);
    bed().add_service(other, model::Scheduler::Rr, {1}, 53);

    bed().apply({model::RemoveService{kDns}});
    EXPECT_EQ(told(), speaks(53));
    bed().apply({model::RemoveService{other}});
    EXPECT_EQ(left_alone(), speaks(53));
}

TEST_P(NatIcmpSend, BehindAMarkAServerIsKnownByAnyProtocol) {
    bed().add_service(kMarked, model::Scheduler::Rr, {1}, 99);
    EXPECT_EQ(told(), speaks(99));
}

TEST_P(NatIcmpSend, AnswersToTheDirectorItselfArrive) {
    EXPECT_EQ(left_alone(), speaks(53, kOwnInside));
    EXPECT_EQ(left_alone(), speaks(53, kOwnOutside));
}

TEST_P(NatIcmpSend, AWriterThatWasKilledLeavesTheRightServers) {
    const auto key = [](V4 address, std::uint16_t port) {
        const model::ServiceKey like{model::Protocol::Udp, endpoint(address, port)};
        return dataplane::to_abi(like);
    };
    const auto lost = key(kServerIp, 53);
    const auto stranger = key(kServerIp, 54);
    const std::uint32_t slot = 0;
    const int map = bed().maps().fd("isobar_reals");
    ASSERT_EQ(0, bpf_map_delete_elem(map, &lost));
    ASSERT_EQ(0, bpf_map_update_elem(map, &stranger, &slot, BPF_ANY));
    bed().maps().settings().generation |= 1;

    ASSERT_TRUE(bed().plane().services());

    EXPECT_EQ(told(), speaks(53));
    EXPECT_EQ(left_alone(), speaks(54));
}

class NatIcmpSend6 : public WithIpv6<WithSwitch> {};
ISOBAR_ON_BOTH_HOOKS(NatIcmpSend6);

TEST_P(NatIcmpSend6, AServerIsToldByIcmp6) {
    ip("address add fd00::1/64 dev inside nodad\n");
    add_service6(kDns6, {1}, 53);
    set({.nat_icmp_send = 1});
    const auto unasked = packet(Ip6{kServers6[0], kClient6}, Udp{53, kPort, text("nobody asked")});

    const auto outcome = from_server(unasked);

    if (!is_tc()) {
        EXPECT_EQ(ISOBAR_TO_TC, outcome.verdict);
        return;
    }
    const auto error = packet(Ip6{v6("fd00::1"), kServers6[0]}, Icmp{1, 4, 0, cut(unasked, 48)});
    EXPECT_TRUE(
        became(outcome, ISOBAR_REPLY_UNKNOWN, Action::Redirect, arriving(kServers[0], error)));
}

// ---- schedule_icmp ----

class ScheduleIcmp : public WithSwitch {
protected:
    void SetUp() override {
        WithSwitch::SetUp();
        if (!IsSkipped()) set({.schedule_icmp = 1});
    }
    void serve(const model::ServiceKey& key, bool one_packet = false,
               std::optional<model::Persistence> persistence = {}) {
        std::vector<model::Change> changes{model::AddService{.key = key,
                                                             .scheduler = model::Scheduler::Rr,
                                                             .persistence = persistence,
                                                             .one_packet = one_packet}};
        for (const Host& server : kServers)
            changes.emplace_back(model::AddServer{key, {endpoint(server.address, 8080), 1}});
        bed().apply(std::move(changes));
    }
    // What a router says about a page that the VIP has sent to that port.
    static Bytes error(const Ip& outer, V4 from, std::uint16_t port, std::uint16_t to = kPort) {
        const auto page = packet(Ip{from, kClientIp, 60}, Tcp{port, to, kAck, text("page")});
        return arriving(kClient, packet(outer, Icmp{3, 4, 1400, cut(page, 28)}));
    }
    static Bytes error(std::uint16_t to = kPort) {
        return error(Ip{v4(10, 0, 0, 7), kVip}, kVip, 80, to);
    }
    Outcome arrives(const Bytes& frame) { return bed().send(hook(), Side::Outside, frame); }
};
ISOBAR_ON_BOTH_HOOKS(ScheduleIcmp);

TEST_P(ScheduleIcmp, AnErrorAboutAnUnknownPacketBeginsAConnectionAndFollowsIt) {
    serve(kWeb);

    const auto first = arrives(error());
    if (!is_tc()) {
        EXPECT_TRUE(passed(first, ISOBAR_TO_TC, error()));
        return;
    }
    EXPECT_TRUE(became(first, ISOBAR_ICMP_SCHEDULED, Action::Redirect, error()));
    ASSERT_EQ(1u, bed().connections().size());
    const auto again = arrives(error());

    EXPECT_EQ(ISOBAR_STATE_NONE, bed().connections().at(0)->life & ISOBAR_LIFE_STATE);
    EXPECT_EQ(0u, bed().server(kServers[2]).active);
    EXPECT_EQ(1u, bed().server(kServers[2]).inactive);
    const auto& server = kServers[2];  // the newest, whom rr begins with
    const auto own =
        packet(Ip{server.address, kClientIp, 60}, Tcp{8080, kPort, kAck, text("page")});
    EXPECT_TRUE(became(again, ISOBAR_ICMP_FORWARDED, Action::Redirect,
                       arriving(kClient, packet(Ip{v4(10, 0, 0, 7), server.address, 63},
                                                Icmp{3, 4, 1400, cut(own, 28)}))));
    const auto traffic = bed().plane().services().value().at(0).traffic;
    EXPECT_EQ(1u, traffic.connections);
    EXPECT_EQ(1u, traffic.in_packets);

    // now the client is heard
    EXPECT_EQ(3, connect(kPort, hook()));
    EXPECT_EQ(1u, bed().server(server).active);
    EXPECT_EQ(0u, bed().server(server).inactive);
}

TEST_P(ScheduleIcmp, APersistentClientsErrorFollowsItsTemplate) {
    serve(kWeb, false, model::Persistence{std::chrono::minutes(5), 32});
    const int server = connect(kPort, hook());
    (void)arrives(error(kPort + 1));

    const auto outcome = arrives(error(kPort + 1));

    if (!is_tc()) return;
    EXPECT_EQ(server, server_of(outcome.frame));
}

TEST_P(ScheduleIcmp, NoServerIsNoReasonForAnErrorAboutAnError) {
    bed().add_service(kWeb, model::Scheduler::Rr, {0}, 80);
    EXPECT_EQ(is_tc() ? ISOBAR_NO_SERVER_QUIET : ISOBAR_TO_TC, arrives(error()).verdict);
}

TEST_P(ScheduleIcmp, WhatCannotBeginAConnectionIsLeftToTheStack) {
    serve(kDns, true);
    serve(kWeb);
    const Ip router{v4(10, 0, 0, 7), kVip};
    auto wrong = error();
    wrong[kIpChecksumAt] ^= 1;
    const auto of_udp = arriving(
        kClient, packet(router, Icmp{3, 3, 0, packet(Ip{kVip, kClientIp}, Udp{53, kPort})}));
    const struct {
        const char* description;
        Bytes frame;
        isobar_verdict verdict;
    } cases[] = {{"no service", error(router, kVip, 81), ISOBAR_NO_SERVICE},
                 {"no virtual address", error(router, kOwnOutside, 80), ISOBAR_NOT_OURS},
                 {"one-packet scheduling has no records", of_udp, ISOBAR_NO_CONNECTION},
                 {"wrong header checksum", wrong, ISOBAR_BAD_CHECKSUM}};
    for (const auto& each : cases) {
        SCOPED_TRACE(each.description);
        EXPECT_EQ(is_tc() ? each.verdict : ISOBAR_TO_TC, arrives(each.frame).verdict);
        EXPECT_EQ(0u, bed().connections().size());
    }

    set({});
    EXPECT_EQ(is_tc() ? ISOBAR_NOT_OURS : ISOBAR_TO_TC, arrives(error()).verdict);
}

TEST_P(ScheduleIcmp, TheStacksOwnErrorsAreLeftAlone) {
    serve(kWeb);
    EXPECT_EQ(ISOBAR_NOT_OURS, bed().send(Hook::Egress, Side::Outside, error()).verdict);
}

class ScheduleIcmp6 : public WithIpv6<WithSwitch> {};
ISOBAR_ON_BOTH_HOOKS(ScheduleIcmp6);

TEST_P(ScheduleIcmp6, AnErrorOfIcmp6BeginsAConnectionToo) {
    add_service6(kWeb6, {1}, 8080);
    set({.schedule_icmp = 1});
    const auto quote = [](const model::Address& from, std::uint16_t port) {
        return cut(packet(Ip6{from, kClient6, 60}, Tcp{port, kPort, kAck}), 48);
    };
    const auto error = [&] {
        return bed().send(hook(), Side::Outside,
                          arriving(kClient, packet(Ip6{kRouterOutside6, kVip6},
                                                   Icmp{2, 0, 1400, quote(kVip6, 80)})));
    };

    EXPECT_EQ(is_tc() ? ISOBAR_ICMP_SCHEDULED : ISOBAR_TO_TC, error().verdict);
    if (!is_tc()) return;
    EXPECT_TRUE(became(error(), ISOBAR_ICMP_FORWARDED, Action::Redirect,
                       arriving(kClient, packet(Ip6{kRouterOutside6, kServers6[0], 63},
                                                Icmp{2, 0, 1400, quote(kServers6[0], 8080)}))));
}

}  // namespace
}  // namespace isobar::test
