// SPDX-License-Identifier: Apache-2.0
// VS/TUN of every kind, of both families inside and outside, with and without a checksum.
#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "fixture6.h"

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address, kServerIp = kServers[0].address;
constexpr std::uint8_t kProtocolIpip = 4, kProtocolUdp = 17, kProtocolIpv6 = 41, kProtocolGre = 47,
                       kProtocolSctp = 132;
constexpr std::size_t kV6Header = 40;
const auto kOwnInside6 = v6("fd00::1");

using enum model::Encapsulation;
using enum model::TunnelChecksum;

struct Kind {
    const char* name;
    model::Tunnel tunnel;
    std::size_t shim;  // length of what stands between the IP headers
};
const Kind kKinds[] = {
    {"ipip", {Ipip, 0, None}, 0},         {"gue", {Gue, 6080, None}, 12},
    {"gue, csum", {Gue, 6080, Full}, 12}, {"gue, remcsum", {Gue, 6080, Remote}, 12},
    {"gre", {Gre, 0, None}, 4},           {"gre, csum", {Gre, 0, Full}, 8},
};

struct Families {
    const char* name;
    bool inner_v6;
    bool outer_v6;
};

Bytes operator+(Bytes head, const Bytes& tail) {
    head.insert(head.end(), tail.begin(), tail.end());
    return head;
}

std::uint16_t internet_checksum(const Bytes& bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += i % 2 == 0 ? static_cast<unsigned>(bytes[i] << 8) : bytes[i];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

class TunnelsOn : public WithIpv6<Datapath>,
                  public testing::WithParamInterface<std::tuple<Hook, Families>> {
protected:
    void SetUp() override {
        WithIpv6<Datapath>::SetUp();
        if (!IsSkipped()) ip("addr add " + kOwnInside6.text() + "/128 dev lo nodad\n");
    }

    static Hook hook() { return std::get<Hook>(GetParam()); }
    static bool is_tc() { return hook() != Hook::Xdp; }
    static bool inner_v6() { return std::get<Families>(GetParam()).inner_v6; }
    static bool outer_v6() { return std::get<Families>(GetParam()).outer_v6; }
    static std::size_t inner_header() { return inner_v6() ? kV6Header : 20; }
    static std::size_t overhead(const Kind& kind) {
        return (outer_v6() ? kV6Header : 20) + kind.shim;
    }
    static model::Address server_address() {
        return outer_v6() ? kServers6[0] : endpoint(kServerIp, 0).address;
    }

    // TCP port 80 and UDP port 53 in such a tunnel, and SCTP port 80.
    void serve(const model::Tunnel& tunnel) {
        using enum model::Protocol;
        for (const auto& [protocol, port] :
             {std::pair<model::Protocol, model::Port>{Tcp, 80}, {Udp, 53}, {Sctp, 80}}) {
            const model::ServiceKey key =
                inner_v6() ? model::ServiceKey{protocol, {kVip6, port}} : service(protocol, port);
            bed().apply({model::AddService{key, model::Scheduler::Rr},
                         model::AddServer{key,
                                          {.address = {server_address(), port},
                                           .method = model::ForwardingMethod::Tun,
                                           .tunnel = tunnel}}});
            served_.push_back(key);
        }
    }
    void remove() {
        for (const auto& key : served_) bed().apply({model::RemoveService{key}});
        served_.clear();
    }

    struct Header {
        std::uint8_t ttl = 64;
        std::uint8_t tos = 0;
        std::uint16_t fragment = 0;           // of IPv4
        std::vector<Extension> extensions{};  // of IPv6
    };
    template <typename Transport>
    static Bytes inner(const Transport& transport, const Header& header) {
        if (inner_v6())
            return packet(Ip6{kClient6, kVip6, header.ttl, header.tos, 0x12345, header.extensions},
                          transport);
        return packet(Ip{kClientIp, kVip, header.ttl, header.tos, 77, header.fragment}, transport);
    }

    // `made` tells what only has to differ: GUE's source port, the identification of an outer
    // header of IPv4.
    static Bytes wrapped(const Kind& kind, const Bytes& inner, const Header& outer,
                         const Bytes& made, bool summed = true) {
        const std::uint8_t protocol = inner_v6() ? kProtocolIpv6 : kProtocolIpip;
        if (kind.tunnel.type == Ipip) return around(Raw{protocol, inner}, outer, made);
        const auto checksum = summed && kind.tunnel.checksum != None;
        if (kind.tunnel.type == Gue) {
            const auto at = outer_v6() ? kL4At6 : kL4At;
            const auto port = made.size() < at + 2 ? std::uint16_t{0} : get16(made, at);
            return around(Udp{port, kind.tunnel.port, Bytes{0, protocol, 0, 0} + inner,
                              checksum ? UdpChecksum::Right : UdpChecksum::None},
                          outer, made);
        }
        Bytes shim = inner_v6() ? Bytes{0, 0, 0x86, 0xdd} : Bytes{0, 0, 8, 0};
        if (checksum) {
            shim[0] = 0x80;
            shim = shim + Bytes(4);
            set16(shim, 4, internet_checksum(shim + inner));
        }
        return around(Raw{kProtocolGre, shim + inner}, outer, made);
    }
    template <typename Transport>
    static Bytes around(const Transport& transport, const Header& outer, const Bytes& made) {
        if (outer_v6())
            return packet(Ip6{kOwnInside6, kServers6[0], outer.ttl, outer.tos}, transport);
        const auto id = made.size() < kIpAt + 6 ? std::uint16_t{0} : get16(made, kIpAt + 4);
        return packet(Ip{kOwnInside, kServerIp, outer.ttl, outer.tos, id, outer.fragment},
                      transport);
    }

    Outcome from_client(const Bytes& packet, std::uint32_t segment = 0) {
        return bed().send(hook(), Side::Outside, arriving(kClient, packet), segment);
    }
    static Bytes to_server(const Bytes& packet) {
        return leaving(hook(), kClient, kServers[0], packet);
    }
    testing::AssertionResult tc_made(const Outcome& outcome, isobar_verdict verdict,
                                     const Bytes& before, const Bytes& after) {
        if (!is_tc()) return passed(outcome, ISOBAR_TO_TC, arriving(kClient, before));
        return became(outcome, verdict, Action::Redirect, after);
    }
    // An error of ours about the client's packet.
    static Bytes error_to_client(std::uint8_t type4, std::uint8_t code4, std::uint8_t type6,
                                 std::uint8_t code6, std::size_t mtu, const Bytes& about) {
        const auto quoted = cut(about, inner_header() + 8);
        const auto size = static_cast<std::uint32_t>(mtu);
        if (inner_v6()) return packet(Ip6{kVip6, kClient6}, Icmp{type6, code6, size, quoted});
        return packet(Ip{kVip, kClientIp, 64, 0xc0, 0}, Icmp{type4, code4, size, quoted});
    }
    static Bytes too_big(std::size_t mtu, const Bytes& about) {
        return error_to_client(3, 4, 2, 0, mtu, about);
    }

private:
    std::vector<model::ServiceKey> served_;
};

const Families kAllFamilies[] = {
    {"4in4", false, false}, {"6in4", true, false}, {"4in6", false, true}, {"6in6", true, true}};

std::string name_of(const testing::TestParamInfo<std::tuple<Hook, Families>>& info) {
    return std::string(std::get<Hook>(info.param) == Hook::Xdp ? "Xdp" : "Ingress") +
           std::get<Families>(info.param).name;
}

INSTANTIATE_TEST_SUITE_P(Hook, TunnelsOn,
                         testing::Combine(testing::Values(Hook::Ingress, Hook::Xdp),
                                          testing::ValuesIn(kAllFamilies)),
                         name_of);

// Congestion is not told twice; of IPv6 in IPv4 routers may cut up the outer packet.
TEST_P(TunnelsOn, AHeaderOfTheServersFamilyTakesOverClassHopLimitAndDf) {
    for (const auto& kind : kKinds) {
        SCOPED_TRACE(kind.name);
        serve(kind.tunnel);
        for (const std::uint16_t fragment : {std::uint16_t{0}, kDontFragment}) {
            const Tcp syn{40000, 80, kSyn};
            const auto outcome = from_client(inner(syn, {9, 0x2b, fragment}));

            const Header outer{8, 0x2a, inner_v6() ? std::uint16_t{0} : fragment};
            EXPECT_TRUE(became(
                outcome, ISOBAR_FORWARDED, Action::Redirect,
                to_server(wrapped(kind, inner(syn, {8, 0x2b, fragment}), outer, outcome.frame))));
        }
        remove();
    }
}

// What a packet inside adds up to is known from its own checksum, or has to be worked out.
TEST_P(TunnelsOn, ChecksumsAreRightWhateverIsInTheTunnel) {
    const auto sctp = [](std::size_t length) {
        Bytes body(length, 0x5a);
        set16(body, 0, 40000);
        set16(body, 2, 80);
        body[12] = 1;  // INIT
        return body;
    };
    for (const auto& kind : kKinds) {
        SCOPED_TRACE(kind.name);
        serve(kind.tunnel);
        const auto check = [&](const auto& transport, Header header = {}) {
            const auto outcome = from_client(inner(transport, header));
            header.ttl = 63;
            EXPECT_TRUE(
                became(outcome, ISOBAR_FORWARDED, Action::Redirect,
                       to_server(wrapped(kind, inner(transport, header), {63}, outcome.frame))));
        };
        for (const std::size_t length : {0, 1, 2, 3, 4, 471, 512, 1301}) {
            SCOPED_TRACE(length);
            check(Tcp{40000, 80, kSyn, Bytes(length, 0xab)});
            check(Udp{40000, 53, Bytes(length, 0xab)});
            check(Udp{40000, 53, Bytes(length, 0xab), UdpChecksum::None});
            check(Raw{kProtocolSctp, sctp(20 + length)});
        }
        if (inner_v6())
            check(Tcp{40000, 80, kSyn, text("hi")}, {64, 0, 0, {padding(kDestination, 24)}});
        remove();
    }
}

// A device will fill in the CRC32c of SCTP later: nobody can tell the sum now.
TEST_P(TunnelsOn, SctpWithoutItsOwnChecksumYetGoesWithoutOne) {
    Bytes body(20, 0);
    set16(body, 0, 40000);
    set16(body, 2, 80);
    body[12] = 1;
    for (const auto& kind : kKinds) {
        SCOPED_TRACE(kind.name);
        serve(kind.tunnel);
        const auto outcome = from_client(inner(Raw{kProtocolSctp, body}, {}));
        EXPECT_TRUE(became(outcome, ISOBAR_FORWARDED, Action::Redirect,
                           to_server(wrapped(kind, inner(Raw{kProtocolSctp, body}, {63}), {63},
                                             outcome.frame, false))));
        remove();
    }
}

TEST_P(TunnelsOn, FragmentsAreWrappedEachForItself) {
    const auto datagram = [&] {
        const auto whole = inner(Udp{40000, 53, Bytes(64, 'x')}, {});
        return Bytes(whole.begin() + static_cast<std::ptrdiff_t>(inner_header()), whole.end());
    }();
    for (const auto& kind : kKinds) {
        SCOPED_TRACE(kind.name);
        serve(kind.tunnel);
        for (const bool first : {true, false}) {
            const Raw part{kProtocolUdp, first ? cut(datagram, 48)
                                               : Bytes(datagram.begin() + 48, datagram.end())};
            Header header{64,
                          0,
                          first ? kMoreFragments : std::uint16_t{6},
                          {fragment(first ? 0 : 48, first)}};
            const auto outcome = from_client(inner(part, header));
            header.ttl = 63;
            EXPECT_TRUE(became(outcome, ISOBAR_FORWARDED, Action::Redirect,
                               to_server(wrapped(kind, inner(part, header), {63}, outcome.frame))));
        }
        remove();
    }
}

TEST_P(TunnelsOn, WhatDoesNotFitTellsTheClientTheSizeThatDoes) {
    for (const auto& kind : kKinds) {
        SCOPED_TRACE(kind.name);
        serve(kind.tunnel);
        const auto mtu = 1500 - overhead(kind);
        const auto largest = mtu - inner_header() - 20;
        const Header header{64, 0, kDontFragment};
        EXPECT_STREQ(
            "FORWARDED",
            name(from_client(inner(Tcp{40000, 80, kSyn, Bytes(largest, 'x')}, header)).verdict));
        const auto big = inner(Tcp{40000, 80, kAck, Bytes(largest + 1, 'x')}, header);

        const auto outcome = from_client(big);

        EXPECT_TRUE(tc_made(outcome, ISOBAR_TOO_BIG, big, arriving(kClient, too_big(mtu, big))));
        remove();
    }
}

// The stack does not cut up IPv6 that it forwards.
TEST_P(TunnelsOn, WhatMayBeCutUpIsSoOnlyOverIpv4) {
    if (inner_v6()) return;
    for (const auto& kind : kKinds) {
        SCOPED_TRACE(kind.name);
        serve(kind.tunnel);
        const Tcp data{40000, 80, kSyn, Bytes(1460, 'x')};
        const auto big = inner(data, {});

        const auto outcome = from_client(big);

        if (outer_v6())
            EXPECT_TRUE(tc_made(outcome, ISOBAR_TOO_BIG, big,
                                arriving(kClient, too_big(1500 - overhead(kind), big))));
        else
            EXPECT_TRUE(
                tc_made(outcome, ISOBAR_TO_FRAGMENT, big,
                        to_lo(kClient, wrapped(kind, inner(data, {63}), {63}, outcome.frame))));
        remove();
    }
}

// Below 1280 bytes no sender of IPv6 goes: RFC 4213, 3.2; RFC 2473, 7.1.
TEST_P(TunnelsOn, OnANarrowWaySendersOfIpv6AreToldTheLeastSize) {
    if (!inner_v6()) return;
    ip("link set dev inside mtu 1290\n");
    for (const auto& kind : kKinds) {
        SCOPED_TRACE(kind.name);
        serve(kind.tunnel);
        const Tcp least{40000, 80, kSyn, Bytes(1280 - 60, 'x')};
        const auto big = inner(Tcp{40000, 80, kSyn, Bytes(1281 - 60, 'x')}, {});

        const auto refused = from_client(big);
        const auto small = from_client(inner(least, {}));

        EXPECT_TRUE(tc_made(refused, ISOBAR_TOO_BIG, big, arriving(kClient, too_big(1280, big))));
        if (outer_v6())
            EXPECT_TRUE(tc_made(small, ISOBAR_TOO_BIG, inner(least, {}),
                                arriving(kClient, too_big(1280, inner(least, {})))));
        else
            EXPECT_TRUE(
                tc_made(small, ISOBAR_TO_FRAGMENT, inner(least, {}),
                        to_lo(kClient, wrapped(kind, inner(least, {63}), {63}, small.frame))));
        remove();
    }
}

TEST_P(TunnelsOn, FlowsInAGueTunnelDifferInTheirSourcePort) {
    serve({Gue, 6080, None});
    const auto at = outer_v6() ? kL4At6 : kL4At;
    std::set<std::uint16_t> ports;
    for (std::uint16_t client = 40000; client < 40100; ++client) {
        const auto first = from_client(inner(Tcp{client, 80, kSyn}, {}));
        const auto again = from_client(inner(Tcp{client, 80, kAck}, {}));
        EXPECT_EQ(get16(first.frame, at), get16(again.frame, at)) << "one flow, one queue";
        EXPECT_GE(get16(first.frame, at), 0xc000);
        ports.insert(get16(first.frame, at));
    }
    EXPECT_GE(ports.size(), 90u);
}

// Found by user space when the server was added: there was no route then.
TEST_P(TunnelsOn, WithoutAnAddressOfItsOwnATunnelBeginsAtTheVirtualOne) {
    serve({Ipip, 0, None});
    bed().server(server_address()).tunnel_source = {};

    const auto outcome = from_client(inner(Tcp{40000, 80, kSyn}, {}));

    if (inner_v6() != outer_v6()) {
        EXPECT_STREQ("NO_ROUTE_QUIET", name(outcome.verdict));
        return;
    }
    const auto source =
        outer_v6() ? Bytes(kVip6.bytes.begin(), kVip6.bytes.end()) : Bytes{10, 0, 0, 2};
    const auto at =
        outcome.frame.begin() + static_cast<std::ptrdiff_t>(kIpAt) + (outer_v6() ? 8 : 12);
    EXPECT_EQ(source, Bytes(at, at + static_cast<std::ptrdiff_t>(source.size())));
}

// ---- ICMP, which is tc's alone ----

TEST_P(TunnelsOn, AnErrorAboutAReplyGoesThroughTheTunnelToo) {
    if (!is_tc()) return;
    for (const auto& kind : kKinds) {
        SCOPED_TRACE(kind.name);
        serve(kind.tunnel);
        (void)from_client(inner(Tcp{40000, 80, kSyn}, {}));
        const Tcp seen{80, 40000, kAck};
        const auto error = [&](std::uint8_t ttl) {
            if (inner_v6())
                return packet(Ip6{kRouterOutside6, kVip6, ttl},
                              Icmp{2, 0, 1400, packet(Ip6{kVip6, kClient6, 60}, seen)});
            return packet(Ip{v4(10, 0, 0, 7), kVip, ttl},
                          Icmp{3, 4, 1400, cut(packet(Ip{kVip, kClientIp, 60}, seen), 28)});
        };

        const auto outcome = from_client(error(64));

        EXPECT_TRUE(became(outcome, ISOBAR_ICMP_FORWARDED, Action::Redirect,
                           to_server(wrapped(kind, error(63), {63}, outcome.frame))));
        remove();
    }
}

struct OuterError {
    const char* name;
    std::uint8_t type4, code4, type6, code6;
    isobar_verdict verdict;
    std::uint8_t told_type4, told_code4, told_type6, told_code6;
};
const OuterError kOuterErrors[] = {
    {"too big", 3, 4, 2, 0, ISOBAR_TOO_BIG, 3, 4, 2, 0},
    {"unreachable", 3, 1, 1, 3, ISOBAR_NO_ROUTE, 3, 1, 1, 3},
    {"nobody takes it apart", 3, 2, 1, 4, ISOBAR_NO_ROUTE, 3, 1, 1, 3},
    {"no such protocol", 3, 2, 4, 1, ISOBAR_NO_ROUTE, 3, 1, 1, 3},
    {"hops used up", 11, 0, 3, 0, ISOBAR_TTL_EXPIRED, 11, 0, 3, 0},
};

TEST_P(TunnelsOn, AnErrorAboutTheTunnelIsToldToTheClient) {
    if (!is_tc()) return;
    for (const auto& kind : kKinds) {
        for (const auto& error : kOuterErrors) {
            SCOPED_TRACE(std::string(kind.name) + ", " + error.name);
            serve(kind.tunnel);
            const Tcp data{40000, 80, kSyn, Bytes(600, 'x')};
            const Header df{64, 0, kDontFragment};
            const auto sent = from_client(inner(data, df)).frame;
            const Bytes outer(sent.begin() + kIpAt, sent.end());
            const bool big = error.verdict == ISOBAR_TOO_BIG;
            const std::uint32_t mtu = big ? 1400 : 0;
            const auto about = [&](std::size_t quoted, std::uint32_t size) {
                if (outer_v6())
                    return arriving(kServers[0], packet(Ip6{kRouterInside6, kOwnInside6},
                                                        Icmp{error.type6, error.code6, size,
                                                             cut(outer, quoted)}));
                return arriving(kServers[0],
                                packet(Ip{v4(192, 168, 10, 7), kOwnInside},
                                       Icmp{error.type4, error.code4, size, cut(outer, quoted)}));
            };
            const auto tell = [&](const Bytes& frame) {
                return bed().send(Hook::Ingress, Side::Inside, frame);
            };

            const auto outcome = tell(about(500, mtu));

            const auto expected = error_to_client(
                error.told_type4, error.told_code4, error.told_type6, error.told_code6,
                big ? 1400 - overhead(kind) : 0, inner(data, {63, 0, kDontFragment}));
            EXPECT_TRUE(
                became(outcome, error.verdict, Action::Redirect, arriving(kServers[0], expected)));
            // RFC 792 asks for 8 bytes behind the outer header only
            for (std::size_t quoted = 0; quoted < overhead(kind) + inner_header() + 8; ++quoted) {
                const auto frame = about(quoted, mtu);
                EXPECT_TRUE(passed(tell(frame), ISOBAR_NOT_OURS, frame)) << quoted;
            }
            if (big) {
                const auto mad = about(500, 60);
                EXPECT_TRUE(passed(tell(mad), ISOBAR_NOT_OURS, mad));
            }
            remove();
        }
    }
}

TEST_P(TunnelsOn, AnErrorAboutATunnelOfOthersIsLeftToTheStack) {
    if (!is_tc()) return;
    for (const auto& kind : kKinds) {
        SCOPED_TRACE(kind.name);
        serve({kind.tunnel.type == Ipip ? Gre : Ipip, 0, None});
        (void)from_client(inner(Tcp{40000, 80, kSyn}, {}));
        const Tcp data{40000, 80, kAck, Bytes(600, 'x')};
        // of another kind than ours; and of a connection that never was
        for (const auto& quoted :
             {inner(data, {63}), inner(Tcp{41000, 80, kAck, Bytes(600, 'x')}, {63})}) {
            const auto outer = wrapped(kind, quoted, {63}, {});
            const auto error =
                arriving(kServers[0], outer_v6() ? packet(Ip6{kRouterInside6, kOwnInside6},
                                                          Icmp{2, 0, 1400, cut(outer, 500)})
                                                 : packet(Ip{v4(192, 168, 10, 7), kOwnInside},
                                                          Icmp{3, 4, 1400, cut(outer, 500)}));
            EXPECT_TRUE(
                passed(bed().send(Hook::Ingress, Side::Inside, error), ISOBAR_NOT_OURS, error));
        }
        remove();
    }
}

// ---- changes ----

TEST_P(TunnelsOn, AnotherChecksumHoldsFromTheNextPacketOn) {
    serve({Gue, 6080, None});
    (void)from_client(inner(Tcp{40000, 80, kSyn}, {}));
    const Kind summed{"", {Gue, 6080, Full}, 12};
    const auto key = inner_v6() ? kWeb6 : kWeb;
    bed().apply({model::EditServer{key,
                                   {.address = {server_address(), 80},
                                    .method = model::ForwardingMethod::Tun,
                                    .tunnel = summed.tunnel}}});

    const auto outcome = from_client(inner(Tcp{40000, 80, kAck}, {}));

    EXPECT_TRUE(
        became(outcome, ISOBAR_FORWARDED, Action::Redirect,
               to_server(wrapped(summed, inner(Tcp{40000, 80, kAck}, {63}), {63}, outcome.frame))));
    const auto services = bed().plane().services().value();
    const auto web = std::find_if(services.begin(), services.end(),
                                  [&](const auto& each) { return each.key == key; });
    ASSERT_NE(services.end(), web);
    EXPECT_EQ(Full, web->servers.at(0).server.tunnel.checksum);
}

TEST_P(TunnelsOn, AChecksumThatTheKindHasNotIsRefused) {
    for (const model::Tunnel& tunnel :
         {model::Tunnel{Ipip, 0, Full}, model::Tunnel{Gre, 0, Remote}}) {
        const std::vector<model::Change> changes{
            model::AddService{kWeb, model::Scheduler::Rr},
            model::AddServer{kWeb,
                             {.address = {server_address(), 80},
                              .method = model::ForwardingMethod::Tun,
                              .tunnel = tunnel}}};
        const auto done = bed().plane().apply(changes);
        ASSERT_FALSE(done);
        EXPECT_EQ(Fault::Invalid, done.error().fault);
    }
}

}  // namespace
}  // namespace isobar::test
