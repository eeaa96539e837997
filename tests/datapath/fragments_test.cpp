// SPDX-License-Identifier: Apache-2.0
// Fragments: those that follow the first one of their datagram, those that come before it, and
// those that nobody should send.
#include <chrono>
#include <thread>

#include "fixture.h"

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address;
constexpr V4 kServerIp = kServers[0].address;
constexpr std::size_t kIpHeader = 20, kPiece = 512;

constexpr auto kNat = model::ForwardingMethod::Nat;
constexpr auto kDr = model::ForwardingMethod::Dr;
constexpr auto kTun = model::ForwardingMethod::Tun;

// The fragments of a packet, with `size` bytes of its payload in each.
std::vector<Bytes> pieces_of(const Bytes& whole, std::size_t size = kPiece) {
    std::vector<Bytes> pieces;
    for (auto at = kIpHeader; at < whole.size(); at += size) {
        const auto end = std::min(whole.size(), at + size);
        Bytes piece = cut(whole, kIpHeader);
        piece.insert(piece.end(), whole.begin() + static_cast<std::ptrdiff_t>(at),
                     whole.begin() + static_cast<std::ptrdiff_t>(end));
        set16(piece, 2, static_cast<std::uint16_t>(piece.size()));
        set16(piece, 6,
              static_cast<std::uint16_t>((end == whole.size() ? 0 : kMoreFragments) |
                                         (at - kIpHeader) / 8));
        Bytes frame(kIpAt);
        frame.insert(frame.end(), piece.begin(), piece.end());
        fix_ip_checksum(frame);
        pieces.emplace_back(frame.begin() + kIpAt, frame.end());
    }
    return pieces;
}

class Fragments : public DatapathOnHook {
protected:
    void serve(model::ForwardingMethod method, model::Tunnel tunnel = {}) {
        bed().apply(
            {model::AddService{kDns, model::Scheduler::Rr},
             model::AddServer{
                 kDns, {endpoint(kServerIp, method == kNat ? 5353 : 53), 1, method, tunnel}}});
    }
    Outcome from_client(const Bytes& packet, Hook at) {
        return bed().send(at, Side::Outside, arriving(kClient, packet));
    }
    Outcome from_client(const Bytes& packet) { return from_client(packet, hook()); }
    // As one of many: its verdict is not looked at.
    void flood(const Bytes& packet, Hook at) {
        (void)bed().run(at, Side::Outside, arriving(kClient, packet));
    }
    Outcome from_server(const Bytes& packet) {
        return bed().send(hook(), Side::Inside, arriving(kServers[0], packet));
    }
    // Released ones come in by themselves, a moment later.
    testing::AssertionResult count_becomes(isobar_verdict verdict, std::uint64_t wanted) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (bed().count(verdict) != wanted) {
            if (std::chrono::steady_clock::now() > deadline)
                return testing::AssertionFailure()
                       << name(verdict) << " is " << bed().count(verdict) << ", not " << wanted;
            std::this_thread::yield();
        }
        return testing::AssertionSuccess();
    }
};
ISOBAR_ON_BOTH_HOOKS(Fragments);

Bytes query(Ip ip, std::uint16_t port = 53) {
    return packet(ip, Udp{40000, port, Bytes(1600, 'q')});
}

Bytes reply_from(Ip ip, std::uint16_t port) {
    return packet(ip, Udp{port, 40000, Bytes(1600, 'r')});
}

Bytes fragment_of_udp(std::uint16_t bits, std::size_t size = 64, std::uint16_t id = 7) {
    return packet(Ip{kClientIp, kVip, 64, 0, id, bits}, Raw{17, Bytes(size, 'f')});
}

TEST_P(Fragments, FollowTheFirstByNatInBothDirections) {
    serve(kNat);
    const auto sent = pieces_of(query({kClientIp, kVip}));
    const auto wanted = pieces_of(query({kClientIp, kServerIp, 63}, 5353));
    ASSERT_EQ(4u, sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i)
        EXPECT_TRUE(became(from_client(sent[i]), ISOBAR_FORWARDED, Action::Redirect,
                           leaving(hook(), kClient, kServers[0], wanted[i])));

    const auto answered = pieces_of(reply_from({kServerIp, kClientIp}, 5353));
    const auto received = pieces_of(reply_from({kVip, kClientIp, 63}, 53));
    for (std::size_t i = 0; i < answered.size(); ++i)
        EXPECT_TRUE(became(from_server(answered[i]), ISOBAR_REPLIED, Action::Redirect,
                           leaving(hook(), kServers[0], kClient, received[i])));
    EXPECT_EQ(1u, bed().connections().size());
}

TEST_P(Fragments, FollowTheFirstByDirectRouting) {
    serve(kDr);
    const auto sent = pieces_of(query({kClientIp, kVip}));
    const auto wanted = pieces_of(query({kClientIp, kVip, 63}));
    for (std::size_t i = 0; i < sent.size(); ++i)
        EXPECT_TRUE(became(from_client(sent[i]), ISOBAR_FORWARDED, Action::Redirect,
                           leaving(hook(), kClient, kServers[0], wanted[i])));
}

// Each is a packet of its own in its tunnel, with an identification of its own.
TEST_P(Fragments, FollowTheFirstThroughEveryTunnel) {
    const struct {
        model::Tunnel tunnel;
        std::size_t shim;
    } cases[] = {{{model::Encapsulation::Ipip}, 0},
                 {{model::Encapsulation::Gue, 6080}, 12},
                 {{model::Encapsulation::Gre}, 4}};
    for (const auto& c : cases) {
        SCOPED_TRACE(model::name(c.tunnel.type));
        serve(kTun, c.tunnel);
        const auto sent = pieces_of(query({kClientIp, kVip}));
        const auto wanted = pieces_of(query({kClientIp, kVip, 63}));
        std::vector<std::uint16_t> ids;
        for (std::size_t i = 0; i < sent.size(); ++i) {
            const auto outcome = from_client(sent[i]);
            ASSERT_STREQ("FORWARDED", name(outcome.verdict));
            const auto inner = static_cast<std::ptrdiff_t>(kIpAt + kIpHeader + c.shim);
            EXPECT_EQ(wanted[i], Bytes(outcome.frame.begin() + inner, outcome.frame.end()));
            EXPECT_EQ(0, get16(outcome.frame, kIpFragmentAt));
            ids.push_back(get16(outcome.frame, kIpAt + 4));
        }
        EXPECT_FALSE(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] == ids[3]);
        bed().apply({model::RemoveService{kDns}});
    }
}

// IPVS puts them together before it counts.
TEST_P(Fragments, CountAsOnePacketWithAllItsBytes) {
    serve(kNat);
    const auto whole = query({kClientIp, kVip});
    for (const auto& piece : pieces_of(whole)) (void)from_client(piece);

    const auto traffic = bed().plane().services().value().at(0).traffic;

    EXPECT_EQ(1u, traffic.connections);
    EXPECT_EQ(1u, traffic.in_packets);
    EXPECT_EQ(whole.size(), traffic.in_bytes);
}

TEST_P(Fragments, OfTcpChangeTheStateOnceOnly) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    ASSERT_EQ(1, connect(40000, hook()));
    (void)bed().send(hook(), Side::Inside, reply(kServers[0], 40000, kSyn | kAck));
    const auto data = packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kAck, Bytes(1200, 'd')});
    for (const auto& piece : pieces_of(data))
        EXPECT_STREQ("FORWARDED", name(from_client(piece).verdict));

    EXPECT_EQ(static_cast<std::uint32_t>(ISOBAR_STATE_ESTABLISHED),
              bed().connections().at(0)->life & ISOBAR_LIFE_STATE);
}

TEST_P(Fragments, ThatCameBeforeTheFirstWaitForIt) {
    serve(kNat);
    const auto sent = pieces_of(query({kClientIp, kVip}));
    for (const std::size_t early : {3, 1, 2}) {
        if (!is_tc()) {
            EXPECT_STREQ("TO_TC", name(from_client(sent[early]).verdict));
        }
        EXPECT_STREQ("FRAGMENT_HELD", name(from_client(sent[early], Hook::Ingress).verdict));
    }
    EXPECT_EQ(0u, bed().connections().size());

    if (!is_tc()) {
        EXPECT_STREQ("TO_TC", name(from_client(sent[0]).verdict));
    }
    (void)from_client(sent[0], Hook::Ingress);

    EXPECT_TRUE(count_becomes(ISOBAR_FORWARDED, sent.size()));
    EXPECT_EQ(1u, bed().count(ISOBAR_FRAGMENT_RELEASED));
    // nothing is left over: the same datagram once more goes straight on
    for (const auto& piece : sent) EXPECT_STREQ("FORWARDED", name(from_client(piece).verdict));
}

// An interface that is down takes in as little as one whose queue is full.
TEST_P(Fragments, ThatTheKernelDoesNotTakeInOnceMoreAreCountedAsLost) {
    serve(kNat);
    const auto sent = pieces_of(query({kClientIp, kVip}));
    flood(sent[1], Hook::Ingress);
    ip("link set dev outside down\n");

    EXPECT_TRUE(became(from_client(sent[0], Hook::Ingress), ISOBAR_FRAGMENT_LOST, Action::Drop,
                       arriving(kClient, sent[0])));
    EXPECT_EQ(0u, bed().count(ISOBAR_INTERNAL));
}

TEST_P(Fragments, OfDifferentDatagramsAreKeptApart) {
    serve(kNat);
    (void)from_client(fragment_of_udp(kMoreFragments | 64, 64, 1), Hook::Ingress);
    (void)from_client(fragment_of_udp(kMoreFragments | 64, 64, 2), Hook::Ingress);
    const auto first = pieces_of(query({kClientIp, kVip, 64, 0, 1}))[0];

    (void)from_client(first, Hook::Ingress);

    EXPECT_TRUE(count_becomes(ISOBAR_FORWARDED, 2));
    EXPECT_EQ(2u, bed().count(ISOBAR_FRAGMENT_HELD));
}

// ---- those that nobody should send ---------------------------------------------------

TEST_P(Fragments, WithoutAFirstWaitAsFarAsThereIsRoomAndMakeNoConnection) {
    serve(kNat);
    for (std::uint16_t i = 0; i < 100; ++i)  // of one datagram, without end
        flood(fragment_of_udp(static_cast<std::uint16_t>(kMoreFragments | (i + 1))), Hook::Ingress);
    EXPECT_EQ(64u, bed().count(ISOBAR_FRAGMENT_HELD));
    EXPECT_EQ(36u, bed().count(ISOBAR_FRAGMENT));

    for (std::uint16_t id = 100; id < 5100; ++id)  // of many
        flood(fragment_of_udp(64, 64, id), Hook::Ingress);
    EXPECT_EQ(5064u, bed().count(ISOBAR_FRAGMENT_HELD));
    EXPECT_EQ(0u, bed().connections().size());

    // and one of the latest is still there when its first comes
    (void)from_client(pieces_of(query({kClientIp, kVip, 64, 0, 5099}))[0], Hook::Ingress);
    EXPECT_TRUE(count_becomes(ISOBAR_FORWARDED, 2));
}

TEST_P(Fragments, FirstOnlyAreForwardedAsTheyCome) {
    serve(kNat);
    for (std::uint16_t id = 0; id < 5000; ++id)
        flood(pieces_of(query({kClientIp, kVip, 64, 0, id}))[0], hook());
    EXPECT_EQ(5000u, bed().count(ISOBAR_FORWARDED));
    EXPECT_EQ(1u, bed().connections().size());
}

TEST_P(Fragments, OfEightBytesAndOverlappingOnesAreForTheReceiverToJudge) {
    serve(kNat);
    const auto tiny = pieces_of(query({kClientIp, kVip}), 8);
    for (const auto& piece : tiny) flood(piece, hook());
    for (const int again : {1, 2, 3})
        (void)from_client(
            fragment_of_udp(static_cast<std::uint16_t>(kMoreFragments | again), 24, 0x1234));
    EXPECT_EQ(tiny.size() + 3, bed().count(ISOBAR_FORWARDED));
}

TEST_P(Fragments, ThatCannotBeTrueAreDropped) {
    serve(kNat);
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    const auto tcp = [](std::uint16_t bits, std::size_t size) {
        return packet(Ip{kClientIp, kVip, 64, 0, 9, bits}, Raw{6, Bytes(size, 'f')});
    };
    const struct {
        const char* description;
        Bytes packet;
    } cases[] = {
        {"a first one without all of TCP's header", tcp(kMoreFragments, 16)},
        {"a later one that writes over TCP's flags", tcp(kMoreFragments | 1, 24)},
        {"a first one without all of UDP's header", fragment_of_udp(kMoreFragments, 7)},
        {"beyond 65,535 bytes", fragment_of_udp(8189, 40)},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.description);
        const auto frame = arriving(kClient, c.packet);
        EXPECT_TRUE(became(bed().send(hook(), Side::Outside, frame), ISOBAR_MALFORMED, Action::Drop,
                           frame));
    }
}

TEST_P(Fragments, TooLargeToWaitAreLeftToTheStack) {
    serve(kNat);
    const auto large = arriving(kClient, fragment_of_udp(64, 2100));
    EXPECT_TRUE(passed(bed().send(Hook::Ingress, Side::Outside, large), ISOBAR_FRAGMENT, large));
}

TEST_P(Fragments, OfWhatIsNotForAServicePassLikeItsFirst) {
    serve(kNat);
    for (const auto& piece : pieces_of(query({kClientIp, kVip}, 54))) {
        const auto frame = arriving(kClient, piece);
        EXPECT_TRUE(passed(bed().send(hook(), Side::Outside, frame), ISOBAR_NO_SERVICE, frame));
    }
}

// RFC 1122, 3.2.2: no ICMP error about a later fragment.
TEST_P(Fragments, ThatAreRefusedAreToldAboutOnce) {
    bed().apply({model::AddService{kDns, model::Scheduler::Rr}});
    const auto sent = pieces_of(query({kClientIp, kVip}));
    EXPECT_STREQ(is_tc() ? "NO_SERVER" : "TO_TC", name(from_client(sent[0]).verdict));
    EXPECT_STREQ(is_tc() ? "NO_SERVER_QUIET" : "TO_TC", name(from_client(sent[1]).verdict));
}

}  // namespace
}  // namespace isobar::test
