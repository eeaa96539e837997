// SPDX-License-Identifier: Apache-2.0
// Fullnat over IPv6: both ends, ICMPv6 errors, and who the client is.
#include "fixture6.h"

namespace isobar::test {
namespace {

constexpr std::uint16_t kLocalPort = 5000;
const auto kLocal6 = v6("fd00::254");

class FullNat6 : public WithIpv6<DatapathOnHook> {
protected:
    void serve(const model::ServiceKey& key, model::Port port,
               model::ClientAddress way = model::ClientAddress::None) {
        const model::LocalPool local{{kLocal6}, kLocalPort, kLocalPort, way};
        bed().apply(
            {model::AddService{.key = key, .local = local},
             model::AddServer{key, {{kServers6[0], port}, 1, model::ForwardingMethod::FullNat}}});
    }
    Outcome from_client(const Bytes& packet) { return from_client(packet, hook()); }
    Outcome from_client(const Bytes& packet, Hook at) {
        return bed().send(at, Side::Outside, arriving(kClient, packet));
    }
    Outcome from_server(const Bytes& packet, Hook at) {
        return bed().send(at, Side::Inside, arriving(kServers[0], packet));
    }
    Outcome from_server(const Bytes& packet) { return from_server(packet, hook()); }
    Bytes to_server(const Bytes& packet) { return leaving(hook(), kClient, kServers[0], packet); }
    Bytes to_client(const Bytes& packet) { return leaving(hook(), kServers[0], kClient, packet); }
};
ISOBAR_ON_BOTH_HOOKS(FullNat6);

TEST_P(FullNat6, TcpIsRewrittenAtBothEnds) {
    serve(kWeb6, 8080);
    const Bytes odd = text("GET / HTTP/1.0\r\n\r\n!");

    const auto syn = from_client(packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, kSyn}));
    const auto syn_ack =
        from_server(packet(Ip6{kServers6[0], kLocal6}, Tcp{8080, kLocalPort, kSyn | kAck}));
    const auto get = from_client(packet(Ip6{kClient6, kVip6, 2}, Tcp{40000, 80, kAck, odd}));

    EXPECT_TRUE(
        became(syn, ISOBAR_FORWARDED, Action::Redirect,
               to_server(packet(Ip6{kLocal6, kServers6[0], 63}, Tcp{kLocalPort, 8080, kSyn}))));
    EXPECT_TRUE(became(syn_ack, ISOBAR_REPLIED, Action::Redirect,
                       to_client(packet(Ip6{kVip6, kClient6, 63}, Tcp{80, 40000, kSyn | kAck}))));
    EXPECT_TRUE(
        became(get, ISOBAR_FORWARDED, Action::Redirect,
               to_server(packet(Ip6{kLocal6, kServers6[0], 1}, Tcp{kLocalPort, 8080, kAck, odd}))));
}

TEST_P(FullNat6, UdpIsRewrittenAtBothEnds) {
    serve(kDns6, 5353);

    const auto asked = from_client(packet(Ip6{kClient6, kVip6}, Udp{40000, 53, text("who?")}));
    const auto answered =
        from_server(packet(Ip6{kServers6[0], kLocal6}, Udp{5353, kLocalPort, text("me")}));

    EXPECT_TRUE(became(
        asked, ISOBAR_FORWARDED, Action::Redirect,
        to_server(packet(Ip6{kLocal6, kServers6[0], 63}, Udp{kLocalPort, 5353, text("who?")}))));
    EXPECT_TRUE(became(answered, ISOBAR_REPLIED, Action::Redirect,
                       to_client(packet(Ip6{kVip6, kClient6, 63}, Udp{53, 40000, text("me")}))));
}

TEST_P(FullNat6, ErrorsAreMappedAtBothEnds) {
    if (!is_tc()) return;
    serve(kWeb6, 8080);
    (void)from_client(packet(Ip6{kClient6, kVip6}, Tcp{40000, 80, kSyn}));
    const auto quoting = [](const model::Address& from, const model::Address& to, const Tcp& tcp) {
        return Icmp{2, 0, 1400, cut(packet(Ip6{from, to, 60}, tcp), 48)};
    };

    const auto to_the_server = from_client(
        packet(Ip6{kRouterOutside6, kVip6}, quoting(kVip6, kClient6, {80, 40000, kAck})));
    const auto to_the_client = from_server(packet(
        Ip6{kRouterInside6, kLocal6}, quoting(kLocal6, kServers6[0], {kLocalPort, 8080, kAck})));

    EXPECT_TRUE(
        became(to_the_server, ISOBAR_ICMP_FORWARDED, Action::Redirect,
               to_server(packet(Ip6{kLocal6, kServers6[0], 63},
                                quoting(kServers6[0], kLocal6, {8080, kLocalPort, kAck})))));
    EXPECT_TRUE(became(
        to_the_client, ISOBAR_ICMP_REPLIED, Action::Redirect,
        to_client(packet(Ip6{kVip6, kClient6, 63}, quoting(kClient6, kVip6, {40000, 80, kAck})))));
}

// packet() has one sequence number for all: a SYN with the one before begins the stream there.
Bytes syn_before(const Ip6& ip, const Tcp& tcp) {
    auto made = packet(ip, tcp);
    made[47] -= 1;  // of the sequence number, and the checksum makes up for it
    const auto checksum = get16(made, 56) + 1;
    set16(made, 56, static_cast<std::uint16_t>(checksum + (checksum >> 16)));
    return made;
}

TEST_P(FullNat6, TheHandshakeEndsWithTheClientsAddress) {
    const auto bytes_of = [](const model::Address& address) {
        return Bytes(address.bytes.begin(), address.bytes.end());
    };
    const auto join = [](std::initializer_list<Bytes> parts) {
        Bytes all;
        for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
        return all;
    };
    const Bytes ports{0x9c, 0x40, 0, 80};
    const auto header =
        join({{13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10, 0x21, 0x21, 0, 36},
              bytes_of(kClient6),
              bytes_of(kVip6),
              ports});
    const auto option = join({{254, 20, 0x9c, 0x40}, bytes_of(kClient6)});
    for (const auto way : {model::ClientAddress::Proxy, model::ClientAddress::Toa}) {
        SCOPED_TRACE(name(way));
        const bool by_toa = way == model::ClientAddress::Toa;
        const model::Port port = by_toa ? 81 : 80;
        const model::ServiceKey key{model::Protocol::Tcp, {kVip6, port}};
        serve(key, port, way);
        (void)from_client(syn_before(Ip6{kClient6, kVip6}, Tcp{40000, port, kSyn}), Hook::Ingress);

        const auto ack =
            from_client(packet(Ip6{kClient6, kVip6}, Tcp{40000, port, kAck}), Hook::Ingress);

        Tcp told{kLocalPort, port, kAck};
        (by_toa ? told.options : told.payload) = by_toa ? option : header;
        EXPECT_TRUE(became(ack, ISOBAR_FORWARDED, Action::Redirect,
                           arriving(kClient, packet(Ip6{kLocal6, kServers6[0], 63}, told))));
    }
}

}  // namespace
}  // namespace isobar::test
