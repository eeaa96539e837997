// SPDX-License-Identifier: Apache-2.0
// Fullnat tells servers who their clients are: by TOA, by the PROXY protocol. At tc.
#include "fixture6.h"

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address;
constexpr V4 kServerIp = kServers[0].address;
constexpr V4 kLocal = v4(192, 168, 10, 254);
constexpr std::uint16_t kLocalPort = 5000;
constexpr std::uint32_t kClientStart = 1000, kServerStart = 9000;
constexpr std::size_t kHeader = 28;

// RFC 1071
std::uint16_t checksum_of(const Bytes& bytes, std::size_t from, std::uint64_t sum) {
    for (auto i = from; i < bytes.size(); ++i)
        sum += i % 2 == from % 2 ? static_cast<std::uint64_t>(bytes[i]) << 8 : bytes[i];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

void set32(Bytes& bytes, std::size_t at, std::uint32_t value) {
    set16(bytes, at, static_cast<std::uint16_t>(value >> 16));
    set16(bytes, at + 2, static_cast<std::uint16_t>(value));
}

// A segment with these numbers, from the IP header on.
Bytes segment(const Ip& ip, const Tcp& tcp, std::uint32_t sequence, std::uint32_t acknowledged) {
    auto made = packet(ip, tcp);
    set32(made, 24, sequence);
    set32(made, 28, acknowledged);
    set16(made, 36, 0);
    std::uint64_t pseudo = 6 + (made.size() - 20);
    for (std::size_t i = 12; i < 20; i += 2) pseudo += get16(made, i);
    set16(made, 36, checksum_of(made, 20, pseudo));
    return made;
}

class ClientTold : public Datapath {
protected:
    void serve(model::ClientAddress way) {
        model::LocalPool local{{endpoint(kLocal, 0).address}, kLocalPort, kLocalPort, way};
        bed().apply({model::AddService{.key = kWeb, .local = local},
                     model::AddServer{
                         kWeb, {endpoint(kServerIp, 80), 1, model::ForwardingMethod::FullNat}}});
        ASSERT_EQ(ISOBAR_FORWARDED, from_client(kSyn, kClientStart, 0).verdict);
        ASSERT_EQ(ISOBAR_REPLIED, from_server(kSyn | kAck, kServerStart, kClientStart + 1).verdict);
    }
    Outcome from_client(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledged,
                        const Bytes& payload = {}, const Bytes& options = {},
                        std::uint32_t cut_at = 0) {
        return bed().send(
            Hook::Ingress, Side::Outside,
            arriving(kClient, segment(Ip{kClientIp, kVip}, Tcp{40000, 80, flags, payload, options},
                                      sequence, acknowledged)),
            cut_at);
    }
    Outcome from_server(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledged,
                        const Bytes& payload = {}, const Bytes& options = {}) {
        return bed().send(
            Hook::Ingress, Side::Inside,
            arriving(kServers[0],
                     segment(Ip{kServerIp, kLocal}, Tcp{80, kLocalPort, flags, payload, options},
                             sequence, acknowledged)));
    }
    static testing::AssertionResult reached_server(const Outcome& outcome, std::uint8_t flags,
                                                   std::uint32_t sequence,
                                                   std::uint32_t acknowledged,
                                                   const Bytes& payload = {},
                                                   const Bytes& options = {}) {
        return became(outcome, ISOBAR_FORWARDED, Action::Redirect,
                      arriving(kClient, segment(Ip{kLocal, kServerIp, 63},
                                                Tcp{kLocalPort, 80, flags, payload, options},
                                                sequence, acknowledged)));
    }
    static testing::AssertionResult reached_client(const Outcome& outcome, std::uint8_t flags,
                                                   std::uint32_t sequence,
                                                   std::uint32_t acknowledged,
                                                   const Bytes& payload = {},
                                                   const Bytes& options = {}) {
        return became(outcome, ISOBAR_REPLIED, Action::Redirect,
                      arriving(kServers[0], segment(Ip{kVip, kClientIp, 63},
                                                    Tcp{80, 40000, flags, payload, options},
                                                    sequence, acknowledged)));
    }
};

const Bytes kProxyHeader{13, 10, 13, 10, 0, 13,  10, 'Q', 'U', 'I', 'T',  10,   0x21, 0x11,
                         0,  12, 10, 0,  0, 100, 10, 0,   0,   2,   0x9c, 0x40, 0,    80};
const Bytes kToaOption{254, 8, 0x9c, 0x40, 10, 0, 0, 100};

TEST_F(ClientTold, TheHandshakeEndsWithTheProxyHeaderAndTheStreamGoesOnBehindIt) {
    serve(model::ClientAddress::Proxy);
    const auto get = text("GET /\r\n");

    EXPECT_TRUE(reached_server(from_client(kAck, kClientStart + 1, kServerStart + 1), kAck,
                               kClientStart + 1, kServerStart + 1, kProxyHeader));
    EXPECT_TRUE(reached_server(from_client(kAck, kClientStart + 1, kServerStart + 1, get), kAck,
                               kClientStart + 1 + kHeader, kServerStart + 1, get));
    EXPECT_TRUE(reached_client(from_server(kAck, kServerStart + 1, kClientStart + 1 + kHeader),
                               kAck, kServerStart + 1, kClientStart + 1));
    EXPECT_TRUE(reached_client(
        from_server(kAck, kServerStart + 1, kClientStart + 1 + kHeader + 7, text("page")), kAck,
        kServerStart + 1, kClientStart + 8, text("page")));
    EXPECT_TRUE(reached_server(from_client(kAck | kFin, kClientStart + 8, kServerStart + 5),
                               kAck | kFin, kClientStart + 8 + kHeader, kServerStart + 5));
}

TEST_F(ClientTold, TheProxyHeaderComesAgainUntilTheServerHasIt) {
    serve(model::ClientAddress::Proxy);
    for (int i = 0; i < 2; ++i)
        EXPECT_TRUE(reached_server(from_client(kAck, kClientStart + 1, kServerStart + 1), kAck,
                                   kClientStart + 1, kServerStart + 1, kProxyHeader));
    // a part of it
    EXPECT_TRUE(reached_client(from_server(kAck, kServerStart + 1, kClientStart + 11), kAck,
                               kServerStart + 1, kClientStart + 1));
    EXPECT_TRUE(reached_server(from_client(kAck, kClientStart + 1, kServerStart + 1), kAck,
                               kClientStart + 1, kServerStart + 1, kProxyHeader));
    (void)from_server(kAck, kServerStart + 1, kClientStart + 1 + kHeader);

    EXPECT_TRUE(reached_server(from_client(kAck, kClientStart + 1, kServerStart + 1), kAck,
                               kClientStart + 1 + kHeader, kServerStart + 1));
}

TEST_F(ClientTold, XdpGoesOnBehindTheProxyHeader) {
    serve(model::ClientAddress::Proxy);
    const auto at_xdp = [&](Side side, const Host& from, const Bytes& packet) {
        return bed().send(Hook::Xdp, side, arriving(from, packet));
    };
    const auto get = segment(Ip{kClientIp, kVip}, Tcp{40000, 80, kAck, text("GET")},
                             kClientStart + 1, kServerStart + 1);
    const Bytes timestamps{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
    EXPECT_EQ(ISOBAR_TO_TC, at_xdp(Side::Outside, kClient, get).verdict);
    (void)from_client(kAck, kClientStart + 1, kServerStart + 1);
    (void)from_server(kAck, kServerStart + 1, kClientStart + 1 + kHeader);

    EXPECT_TRUE(
        became(at_xdp(Side::Outside, kClient, get), ISOBAR_FORWARDED, Action::Redirect,
               leaving(Hook::Xdp, kClient, kServers[0],
                       segment(Ip{kLocal, kServerIp, 63}, Tcp{kLocalPort, 80, kAck, text("GET")},
                               kClientStart + 1 + kHeader, kServerStart + 1))));
    for (const auto& options : {Bytes{}, timestamps})
        EXPECT_TRUE(became(
            at_xdp(Side::Inside, kServers[0],
                   segment(Ip{kServerIp, kLocal}, Tcp{80, kLocalPort, kAck, text("page"), options},
                           kServerStart + 1, kClientStart + 4 + kHeader)),
            ISOBAR_REPLIED, Action::Redirect,
            leaving(Hook::Xdp, kServers[0], kClient,
                    segment(Ip{kVip, kClientIp, 63}, Tcp{80, 40000, kAck, text("page"), options},
                            kServerStart + 1, kClientStart + 4))));
    // selective acknowledgements
    const auto sack = segment(Ip{kServerIp, kLocal},
                              Tcp{80, kLocalPort, kAck, {}, {1, 1, 5, 10, 0, 0, 7, 0, 0, 0, 8, 0}},
                              kServerStart + 1, kClientStart + 1 + kHeader);
    EXPECT_TRUE(
        passed(at_xdp(Side::Inside, kServers[0], sack), ISOBAR_TO_TC, arriving(kServers[0], sack)));
}

// The data come in once more: under TEST_RUN by the real interface, where they are counted.
TEST_F(ClientTold, FirstDataWithoutAnAckBeforeAreToldAhead) {
    serve(model::ClientAddress::Proxy);
    const auto data = text("GET /\r\n!");

    const auto ahead = from_client(kAck | kPsh | kFin, kClientStart + 1, kServerStart + 1, data);

    EXPECT_EQ(Action::Redirect, ahead.action);
    EXPECT_EQ(difference(arriving(kClient, segment(Ip{kLocal, kServerIp, 63},
                                                   Tcp{kLocalPort, 80, kAck | kPsh, kProxyHeader},
                                                   kClientStart + 1, kServerStart + 1)),
                         ahead.frame),
              "");
}

TEST_F(ClientTold, SelectiveAcknowledgementsAreMovedToo) {
    serve(model::ClientAddress::Proxy);
    (void)from_client(kAck, kClientStart + 1, kServerStart + 1);
    const auto sack = [](std::uint32_t shift) {
        // no-op, no-op, timestamps; no-op, no-op, two blocks
        Bytes options{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 5, 18};
        for (const std::uint32_t edge : {2000u, 3000u, 4000u, 5000u})
            for (int bit = 24; bit >= 0; bit -= 8)
                options.push_back(static_cast<std::uint8_t>((edge + shift) >> bit));
        return options;
    };

    EXPECT_TRUE(reached_client(
        from_server(kAck, kServerStart + 1, kClientStart + 1 + kHeader, {}, sack(kHeader)), kAck,
        kServerStart + 1, kClientStart + 1, {}, sack(0)));
}

TEST_F(ClientTold, ByToaTheHandshakeEndsWithTheOption) {
    serve(model::ClientAddress::Toa);
    const Bytes timestamps{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
    auto with_toa = timestamps;
    with_toa.insert(with_toa.end(), kToaOption.begin(), kToaOption.end());
    const auto get = text("GET /\r\n");

    EXPECT_TRUE(
        reached_server(from_client(kAck, kClientStart + 1, kServerStart + 1, {}, timestamps), kAck,
                       kClientStart + 1, kServerStart + 1, {}, with_toa));
    EXPECT_TRUE(reached_server(from_client(kAck, kClientStart + 1, kServerStart + 1, get), kAck,
                               kClientStart + 1, kServerStart + 1, get));
    EXPECT_TRUE(reached_client(from_server(kAck, kServerStart + 1, kClientStart + 8), kAck,
                               kServerStart + 1, kClientStart + 8));
    EXPECT_TRUE(reached_server(from_client(kAck, kClientStart + 1, kServerStart + 1), kAck,
                               kClientStart + 1, kServerStart + 1));
}

TEST_F(ClientTold, OptionsThatLeaveNoRoomStayAsTheyAre) {
    serve(model::ClientAddress::Toa);
    const Bytes full(36, 1);
    EXPECT_TRUE(reached_server(from_client(kAck, kClientStart + 1, kServerStart + 1, {}, full),
                               kAck, kClientStart + 1, kServerStart + 1, {}, full));
}

TEST_F(ClientTold, UdpClientsAreNotTold) {
    model::LocalPool local{
        {endpoint(kLocal, 0).address}, kLocalPort, kLocalPort, model::ClientAddress::Proxy};
    bed().apply(
        {model::AddService{.key = kDns, .local = local},
         model::AddServer{kDns, {endpoint(kServerIp, 53), 1, model::ForwardingMethod::FullNat}}});
    const auto asked = bed().send(Hook::Ingress, Side::Outside, question(40000));
    EXPECT_TRUE(became(asked, ISOBAR_FORWARDED, Action::Redirect,
                       arriving(kClient, packet(Ip{kLocal, kServerIp, 63},
                                                Udp{kLocalPort, 53, text("who is it?")}))));
}

// Until the server knows; by TOA, XDP has the rest.
TEST_F(ClientTold, XdpLeavesTheBeginningToTc) {
    serve(model::ClientAddress::Toa);
    const auto ack = arriving(kClient, segment(Ip{kClientIp, kVip}, Tcp{40000, 80, kAck},
                                               kClientStart + 1, kServerStart + 1));
    EXPECT_TRUE(passed(bed().send(Hook::Xdp, Side::Outside, ack), ISOBAR_TO_TC, ack));
    (void)from_client(kAck, kClientStart + 1, kServerStart + 1);
    (void)from_server(kAck, kServerStart + 1, kClientStart + 1);

    EXPECT_EQ(ISOBAR_FORWARDED, bed().send(Hook::Xdp, Side::Outside, ack).verdict);
}

}  // namespace
}  // namespace isobar::test
