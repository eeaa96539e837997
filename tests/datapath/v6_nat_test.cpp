// SPDX-License-Identifier: Apache-2.0
// VS/NAT over IPv6 in both directions, and what may stand between IPv6 and TCP.
#include <netinet/in.h>

#include <chrono>
#include <thread>

#include "fixture6.h"

namespace isobar::test {
namespace {

class Nat6 : public WithIpv6<DatapathOnHook> {
protected:
    void serve(model::Protocol protocol, std::uint16_t port, std::uint16_t server_port) {
        add_service6({protocol, {kVip6, port}}, {1}, server_port);
    }
    Outcome from_client(const Bytes& packet) {
        return bed().send(hook(), Side::Outside, arriving(kClient, packet));
    }
    Outcome from_server(const Bytes& packet) {
        return bed().send(hook(), Side::Inside, arriving(kServers[0], packet));
    }
    Bytes to_server(const Bytes& packet) { return leaving(hook(), kClient, kServers[0], packet); }
    Bytes to_client(const Bytes& packet) { return leaving(hook(), kServers[0], kClient, packet); }
};
ISOBAR_ON_BOTH_HOOKS(Nat6);

TEST_P(Nat6, TcpGoesToTheServerAndItsRepliesComeBackFromTheVirtualService) {
    serve(model::Protocol::Tcp, 80, 8080);
    const Bytes odd = text("GET / HTTP/1.0\r\n\r\n!");

    const auto syn = from_client(packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, kSyn}));
    const auto syn_ack =
        from_server(packet(Ip6{kServers6[0], kClient6}, Tcp{8080, 40000, kSyn | kAck}));
    const auto get =
        from_client(packet(Ip6{kClient6, kVip6, 2, 0xb9, 0x12345}, Tcp{40000, 80, kAck, odd}));
    const auto page =
        from_server(packet(Ip6{kServers6[0], kClient6, 255}, Tcp{8080, 40000, kAck, odd}));

    EXPECT_TRUE(became(syn, ISOBAR_FORWARDED, Action::Redirect,
                       to_server(packet(Ip6{kClient6, kServers6[0], 63}, Tcp{40000, 8080, kSyn}))));
    EXPECT_TRUE(became(syn_ack, ISOBAR_REPLIED, Action::Redirect,
                       to_client(packet(Ip6{kVip6, kClient6, 63}, Tcp{80, 40000, kSyn | kAck}))));
    EXPECT_TRUE(became(get, ISOBAR_FORWARDED, Action::Redirect,
                       to_server(packet(Ip6{kClient6, kServers6[0], 1, 0xb9, 0x12345},
                                        Tcp{40000, 8080, kAck, odd}))));
    EXPECT_TRUE(became(page, ISOBAR_REPLIED, Action::Redirect,
                       to_client(packet(Ip6{kVip6, kClient6, 254}, Tcp{80, 40000, kAck, odd}))));
    EXPECT_EQ(1u, bed().server(kServers6[0]).active);
}

TEST_P(Nat6, UdpIsRewrittenWithItsChecksum) {
    serve(model::Protocol::Udp, 53, 5353);

    const auto question =
        from_client(packet(Ip6{kClient6, kVip6}, Udp{40000, 53, text("who is it?")}));
    const auto answer =
        from_server(packet(Ip6{kServers6[0], kClient6}, Udp{5353, 40000, text("me")}));

    EXPECT_TRUE(became(
        question, ISOBAR_FORWARDED, Action::Redirect,
        to_server(packet(Ip6{kClient6, kServers6[0], 63}, Udp{40000, 5353, text("who is it?")}))));
    EXPECT_TRUE(became(answer, ISOBAR_REPLIED, Action::Redirect,
                       to_client(packet(Ip6{kVip6, kClient6, 63}, Udp{53, 40000, text("me")}))));
}

TEST_P(Nat6, RulesBySourceCountOnTheWayToTheClient) {
    serve(model::Protocol::Tcp, 80, 8080);
    const auto syn = packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, kSyn});
    const auto syn_ack = packet(Ip6{kServers6[0], kClient6}, Tcp{8080, 40000, kSyn | kAck});
    ip("rule add from 2001:db8::100 table 100\nroute add blackhole ::/0 table 100\n", true);

    EXPECT_STREQ("FORWARDED", name(from_client(syn).verdict));
    EXPECT_STREQ("REPLIED", name(from_server(syn_ack).verdict));
    ip("rule add from 2001:db8::2 table 100\n", true);
    bed().forget_nexthops();
    EXPECT_STREQ(is_tc() ? "REPLY_REFUSED" : "TO_TC", name(from_server(syn_ack).verdict));
}

TEST_P(Nat6, AReplyWithoutARouteIsLeftToTheStack) {
    serve(model::Protocol::Tcp, 80, 8080);
    (void)from_client(packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, kSyn}));
    ip("route del 2001:db8::/64 dev outside\n");
    bed().forget_nexthops();
    const auto syn_ack = packet(Ip6{kServers6[0], kClient6}, Tcp{8080, 40000, kSyn | kAck});

    EXPECT_STREQ(is_tc() ? "REPLY_REFUSED" : "TO_TC", name(from_server(syn_ack).verdict));
}

// It is for the receiver to say whether it takes such datagrams (RFC 6936).
TEST_P(Nat6, AUdpDatagramWithoutChecksumStaysWithout) {
    serve(model::Protocol::Udp, 53, 5353);

    const auto question =
        from_client(packet(Ip6{kClient6, kVip6}, Udp{40000, 53, {1}, UdpChecksum::None}));

    EXPECT_TRUE(became(question, ISOBAR_FORWARDED, Action::Redirect,
                       to_server(packet(Ip6{kClient6, kServers6[0], 63},
                                        Udp{40000, 5353, {1}, UdpChecksum::None}))));
}

TEST_P(Nat6, ExtensionHeadersStayWhereTheyAre) {
    serve(model::Protocol::Tcp, 80, 8080);
    const std::vector<Extension> chains[] = {
        {padding(kHopByHop)},
        {padding(kDestination, 264)},
        {padding(kHopByHop), padding(kDestination), routing(0, 0), padding(kDestination, 24)},
        {fragment(0, false)},  // an atomic fragment is a whole datagram (RFC 6946)
        std::vector<Extension>(8, padding(kDestination)),
    };
    std::uint16_t port = 40000;
    for (const auto& chain : chains) {
        SCOPED_TRACE(++port);
        Ip6 in{kClient6, kVip6};
        Ip6 out{kClient6, kServers6[0], 63};
        in.extensions = out.extensions = chain;

        const auto outcome = from_client(packet(in, Tcp{port, 80, kSyn}));

        EXPECT_TRUE(became(outcome, ISOBAR_FORWARDED, Action::Redirect,
                           to_server(packet(out, Tcp{port, 8080, kSyn}))));
    }
}

TEST_P(Nat6, ChainsThatCannotBeFollowedEndUnderTheirNames) {
    serve(model::Protocol::Tcp, 80, 8080);
    const struct {
        const char* description;
        std::vector<Extension> chain;
        isobar_verdict verdict;
    } cases[] = {
        {"ten headers", std::vector<Extension>(10, padding(kDestination)), ISOBAR_EXTENSIONS},
        {"one that is too long", {padding(kHopByHop, 1024)}, ISOBAR_EXTENSIONS},
        {"on its way to another one", {routing(0, 1)}, ISOBAR_NOT_OURS},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.description);
        Ip6 in{kClient6, kVip6};
        in.extensions = c.chain;
        const auto whole = packet(in, Tcp{40000, 80, kSyn});

        const auto outcome = from_client(whole);

        EXPECT_TRUE(became(outcome, c.verdict,
                           c.verdict == ISOBAR_EXTENSIONS ? Action::Drop : Action::Pass,
                           arriving(kClient, whole)));
    }
    EXPECT_EQ(0u, bed().connections().size());
}

// A datagram in two, the second one with other headers in front.
std::pair<Bytes, Bytes> in_two(Ip6 ip, const Udp& udp) {
    const auto whole = packet(ip, udp);
    const Bytes body(whole.begin() + 40, whole.end());
    ip.extensions = {fragment(0, true)};
    const auto first = packet(ip, Raw{IPPROTO_UDP, cut(body, 24)});
    ip.extensions = {padding(kHopByHop), fragment(24, false)};
    return {first, packet(ip, Raw{IPPROTO_UDP, Bytes(body.begin() + 24, body.end())})};
}

TEST_P(Nat6, LaterFragmentsGoWhereTheFirstWent) {
    serve(model::Protocol::Udp, 53, 5353);
    const Bytes payload(100, 'q');
    const auto [first, second] = in_two(Ip6{kClient6, kVip6}, Udp{40000, 53, payload});
    const auto [first_out, second_out] =
        in_two(Ip6{kClient6, kServers6[0], 63}, Udp{40000, 5353, payload});

    EXPECT_TRUE(
        became(from_client(first), ISOBAR_FORWARDED, Action::Redirect, to_server(first_out)));
    EXPECT_TRUE(
        became(from_client(second), ISOBAR_FORWARDED, Action::Redirect, to_server(second_out)));

    const auto [answer, rest] = in_two(Ip6{kServers6[0], kClient6}, Udp{5353, 40000, payload});
    const auto [answer_out, rest_out] = in_two(Ip6{kVip6, kClient6, 63}, Udp{53, 40000, payload});
    EXPECT_TRUE(
        became(from_server(answer), ISOBAR_REPLIED, Action::Redirect, to_client(answer_out)));
    EXPECT_TRUE(became(from_server(rest), ISOBAR_REPLIED, Action::Redirect, to_client(rest_out)));
    EXPECT_EQ(1u, bed().connections().size());
}

TEST_P(Nat6, AFragmentThatCameTooEarlyWaitsForTheFirst) {
    serve(model::Protocol::Udp, 53, 5353);
    const auto [first, second] = in_two(Ip6{kClient6, kVip6}, Udp{40000, 53, Bytes(100, 'q')});

    if (is_tc()) {
        EXPECT_EQ(ISOBAR_FRAGMENT_HELD, from_client(second).verdict);
        (void)bed().run(hook(), Side::Outside, arriving(kClient, first));
        EXPECT_EQ(1u, bed().count(ISOBAR_FRAGMENT_RELEASED));
        // both come in by themselves, a moment later
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (bed().count(ISOBAR_FORWARDED) < 2 && std::chrono::steady_clock::now() < deadline)
            std::this_thread::yield();
        EXPECT_EQ(2u, bed().count(ISOBAR_FORWARDED));
    } else {
        EXPECT_EQ(ISOBAR_TO_TC, from_client(second).verdict);
    }
}

// Every cut, under a length that tells the truth and one that does not.
TEST_P(Nat6, APacketCutOffAnywhereIsNeverForwarded) {
    serve(model::Protocol::Tcp, 80, 8080);
    serve(model::Protocol::Udp, 53, 5353);
    Ip6 chained{kClient6, kVip6};
    chained.extensions = {padding(kHopByHop), routing(0, 0), padding(kDestination, 16)};
    for (const auto& whole : {packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, kSyn}),
                              packet(Ip6{kClient6, kVip6}, Udp{40000, 53, text("x")}),
                              packet(chained, Tcp{40000, 80, kSyn})}) {
        // The kernel takes no shorter frame for BPF_PROG_TEST_RUN at tc.
        for (std::size_t length = is_tc() ? 40 : 0; length < whole.size(); ++length) {
            auto frame = arriving(kClient, whole);
            frame.resize(kIpAt + length);
            for (const bool honest : {false, true}) {
                if (honest && length < 40) continue;
                if (honest) set16(frame, kIp6LengthAt, static_cast<std::uint16_t>(length - 40));
                const auto outcome = bed().send(hook(), Side::Outside, frame);
                EXPECT_NE(Action::Redirect, outcome.action) << length;
                EXPECT_EQ(frame, outcome.frame) << length;
            }
        }
    }
    EXPECT_EQ(0u, bed().connections().size());
}

// ::ffff:10.0.0.2 is how the tables write 10.0.0.2.
TEST_P(Nat6, MappedAddressesOnTheWireAreNotThoseOfIpv4) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    const auto mapped = v6("::ffff:10.0.0.2");
    const auto frame = packet(Ip6{kClient6, mapped}, Tcp{40000, 80, kSyn});

    const auto outcome = from_client(frame);

    EXPECT_TRUE(passed(outcome, ISOBAR_NOT_OURS, arriving(kClient, frame)));
}

TEST_P(Nat6, SourcesThatNobodyHasAreLeftToTheStack) {
    serve(model::Protocol::Tcp, 80, 8080);
    for (const auto* source : {"::", "ff02::1"}) {
        const auto frame = packet(Ip6{v6(source), kVip6}, Tcp{40000, 80, kSyn});
        EXPECT_TRUE(passed(from_client(frame), ISOBAR_NOT_OURS, arriving(kClient, frame)));
    }
}

TEST_P(Nat6, BothFamiliesAreServedBesideEachOther) {
    serve(model::Protocol::Tcp, 80, 8080);
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 8080);

    const auto six = from_client(packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, kSyn}));
    const auto four = from_client(packet(Ip{kClient.address, kVip}, Tcp{40000, 80, kSyn}));

    EXPECT_EQ(ISOBAR_FORWARDED, six.verdict);
    EXPECT_EQ(ISOBAR_FORWARDED, four.verdict);
    EXPECT_EQ(1, server_of(four.frame));
    EXPECT_EQ(2u, bed().connections().size());
}

TEST_P(Nat6, AClientKeepsItsServerByThePrefixOfItsNetwork) {
    bed().apply(
        {model::AddService{
             kWeb6, model::Scheduler::Rr, {}, model::Persistence{std::chrono::seconds(60), 56}},
         model::AddServer{kWeb6, {{kServers6[0], 80}}},
         model::AddServer{kWeb6, {{kServers6[1], 80}}}});
    const auto server_for = [&](const char* client) {
        const auto outcome = from_client(packet(Ip6{v6(client), kVip6}, Tcp{40000, 80, kSyn}));
        return Bytes(outcome.frame.begin() + 38, outcome.frame.begin() + 54);
    };

    const auto first = server_for("2001:db8:1:100::1");
    const auto neighbour = server_for("2001:db8:1:1ff::2");
    const auto stranger = server_for("2001:db8:1:200::1");

    EXPECT_EQ(first, neighbour);
    EXPECT_NE(first, stranger);
}

TEST_F(Datapath, AServerOfALinkOnlyIsRefused) {
    enable_ipv6();
    const std::vector<model::Change> changes{
        model::AddService{kWeb6, model::Scheduler::Rr},
        model::AddServer{kWeb6, {model::Endpoint::parse("[fe80::5]:80").value()}}};

    const auto done = bed().plane().apply(changes);

    ASSERT_FALSE(done);
    EXPECT_EQ("fe80::5 is not a unicast address", done.error().message);
}

TEST_F(Datapath, ASuperPacketOfIpv6IsForwardedWhole) {
    enable_ipv6();
    bed().apply({model::AddService{kWeb6, model::Scheduler::Rr},
                 model::AddServer{kWeb6, {{kServers6[0], 80}}}});
    const auto send = [&](std::uint8_t flags, const Bytes& payload, std::uint32_t segment) {
        return bed().send(
            Hook::Ingress, Side::Outside,
            arriving(kClient, packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, flags, payload})),
            segment);
    };
    ASSERT_EQ(ISOBAR_FORWARDED, send(kSyn, {}, 0).verdict);
    const Bytes payload(2800, 'x');

    const auto outcome = send(kAck, payload, 1400);

    EXPECT_TRUE(became(
        outcome, ISOBAR_FORWARDED, Action::Redirect,
        arriving(kClient, packet(Ip6{kClient6, kServers6[0], 63}, Tcp{40000, 80, kAck, payload}))));
}

}  // namespace
}  // namespace isobar::test
