// SPDX-License-Identifier: Apache-2.0
// VS/NAT in both directions: addresses, ports, time to live, checksums.
#include "fixture.h"

namespace isobar::test {
namespace {

class Nat : public DatapathOnHook {
protected:
    // A request to `port` of the VIP is served by server 1 at `server_port`.
    void serve(model::Protocol protocol, std::uint16_t port, std::uint16_t server_port) {
        bed().add_service(service(protocol, port), model::Scheduler::Rr, {1}, server_port);
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
ISOBAR_ON_BOTH_HOOKS(Nat);

constexpr V4 kClientIp = kClient.address;
constexpr V4 kServerIp = kServers[0].address;

TEST_P(Nat, ASynIsSentToTheServerAndItsReplyComesBackFromTheVirtualService) {
    serve(model::Protocol::Tcp, 80, 8080);

    const auto syn = from_client(packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kSyn}));
    const auto syn_ack =
        from_server(packet(Ip{kServerIp, kClientIp}, Tcp{8080, 40000, kSyn | kAck}));

    EXPECT_TRUE(became(syn, ISOBAR_FORWARDED, Action::Redirect,
                       to_server(packet(Ip{kClientIp, kServerIp, 63}, Tcp{40000, 8080, kSyn}))));
    EXPECT_TRUE(became(syn_ack, ISOBAR_REPLIED, Action::Redirect,
                       to_client(packet(Ip{kVip, kClientIp, 63}, Tcp{80, 40000, kSyn | kAck}))));
}

TEST_P(Nat, EstablishedDataKeepsItsBytesInBothDirections) {
    serve(model::Protocol::Tcp, 80, 80);
    (void)from_client(packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kSyn}));
    const Bytes odd = text("GET / HTTP/1.0\r\n\r\n!");  // an odd number of bytes
    const Bytes timestamps{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};

    const auto get = from_client(packet(Ip{kClientIp, kVip, 2, 0x10, 7, kDontFragment},
                                        Tcp{40000, 80, kAck | kPsh, odd, timestamps}));
    const auto page = from_server(
        packet(Ip{kServerIp, kClientIp, 255, 0x20}, Tcp{80, 40000, kAck, odd, timestamps}));

    EXPECT_TRUE(became(get, ISOBAR_FORWARDED, Action::Redirect,
                       to_server(packet(Ip{kClientIp, kServerIp, 1, 0x10, 7, kDontFragment},
                                        Tcp{40000, 80, kAck | kPsh, odd, timestamps}))));
    EXPECT_TRUE(became(
        page, ISOBAR_REPLIED, Action::Redirect,
        to_client(packet(Ip{kVip, kClientIp, 254, 0x20}, Tcp{80, 40000, kAck, odd, timestamps}))));
}

TEST_P(Nat, IpOptionsStayWhereTheyAre) {
    serve(model::Protocol::Tcp, 80, 8080);
    for (const std::size_t length : {4u, 12u, 40u}) {
        SCOPED_TRACE(length);
        const Bytes options(length, 1);  // no-operation
        const auto port = static_cast<std::uint16_t>(40000 + length);
        Ip in{kClientIp, kVip};
        in.options = options;
        Ip out{kClientIp, kServerIp, 63};
        out.options = options;

        const auto syn = from_client(packet(in, Tcp{port, 80, kSyn}));

        EXPECT_TRUE(became(syn, ISOBAR_FORWARDED, Action::Redirect,
                           to_server(packet(out, Tcp{port, 8080, kSyn}))));
    }
}

TEST_P(Nat, UdpIsRewrittenWithItsChecksum) {
    serve(model::Protocol::Udp, 53, 5353);

    const auto question =
        from_client(packet(Ip{kClientIp, kVip}, Udp{40000, 53, text("who is it?")}));
    const auto answer = from_server(packet(Ip{kServerIp, kClientIp}, Udp{5353, 40000, text("me")}));

    EXPECT_TRUE(became(
        question, ISOBAR_FORWARDED, Action::Redirect,
        to_server(packet(Ip{kClientIp, kServerIp, 63}, Udp{40000, 5353, text("who is it?")}))));
    EXPECT_TRUE(became(answer, ISOBAR_REPLIED, Action::Redirect,
                       to_client(packet(Ip{kVip, kClientIp, 63}, Udp{53, 40000, text("me")}))));
}

TEST_P(Nat, AUdpDatagramWithoutChecksumStaysWithout) {
    serve(model::Protocol::Udp, 53, 5353);
    const auto none = UdpChecksum::None;

    const auto question = from_client(packet(Ip{kClientIp, kVip}, Udp{40000, 53, {}, none}));
    const auto answer = from_server(packet(Ip{kServerIp, kClientIp}, Udp{5353, 40000, {}, none}));

    EXPECT_TRUE(
        became(question, ISOBAR_FORWARDED, Action::Redirect,
               to_server(packet(Ip{kClientIp, kServerIp, 63}, Udp{40000, 5353, {}, none}))));
    EXPECT_TRUE(became(answer, ISOBAR_REPLIED, Action::Redirect,
                       to_client(packet(Ip{kVip, kClientIp, 63}, Udp{53, 40000, {}, none}))));
}

// RFC 768: a checksum that works out as 0 is sent as 0xffff, for 0 means "none".
TEST_P(Nat, AUdpChecksumThatComesToZeroIsSentAsAllOnes) {
    serve(model::Protocol::Udp, 53, 53);
    // the payload's last two bytes take up what the checksum would be
    Udp udp{40000, 53, {0, 0}};
    const auto rest = packet(Ip{kClientIp, kServerIp, 63}, udp);
    const auto checksum = get16(rest, 26);
    udp.payload = {static_cast<std::uint8_t>(checksum >> 8), static_cast<std::uint8_t>(checksum)};
    const auto expected = packet(Ip{kClientIp, kServerIp, 63}, udp);
    ASSERT_EQ(0xffff, get16(expected, 26));

    const auto outcome = from_client(packet(Ip{kClientIp, kVip}, udp));

    EXPECT_TRUE(became(outcome, ISOBAR_FORWARDED, Action::Redirect, to_server(expected)));
}

// The receiver must see that the packet was damaged before it came to us.
TEST_P(Nat, AWrongTransportChecksumStaysWrongByTheSameAmount) {
    serve(model::Protocol::Tcp, 80, 8080);
    auto in = packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kSyn});
    auto expected = packet(Ip{kClientIp, kServerIp, 63}, Tcp{40000, 8080, kSyn});
    const std::size_t at = kTcpChecksumAt - kIpAt;
    const std::uint16_t damage = 0x0102;
    // one's complement sums: subtracting with end-around borrow
    const auto damaged = [&](std::uint16_t sum) {
        return static_cast<std::uint16_t>(sum >= damage ? sum - damage : sum - damage - 1);
    };
    set16(in, at, damaged(get16(in, at)));
    set16(expected, at, damaged(get16(expected, at)));

    const auto outcome = from_client(in);

    EXPECT_TRUE(became(outcome, ISOBAR_FORWARDED, Action::Redirect, to_server(expected)));
}

TEST_P(Nat, AWrongIpChecksumIsDroppedUnderItsOwnName) {
    serve(model::Protocol::Tcp, 80, 80);
    auto in = arriving(kClient, packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kSyn}));
    in[kIpChecksumAt] ^= 1;

    const auto outcome = bed().send(hook(), Side::Outside, in);

    EXPECT_TRUE(became(outcome, ISOBAR_BAD_CHECKSUM, Action::Drop, in));
    EXPECT_EQ(0u, bed().connections().size());
}

TEST_P(Nat, AServiceOnAnotherPortOfTheSameAddressIsAnotherService) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    bed().add_service(service(model::Protocol::Tcp, 23), model::Scheduler::Rr, {1, 1}, 2323);

    const auto telnet = from_client(packet(Ip{kClientIp, kVip}, Tcp{40000, 23, kSyn}));

    EXPECT_TRUE(
        became(telnet, ISOBAR_FORWARDED, Action::Redirect,
               leaving(hook(), kClient, kServers[1],
                       packet(Ip{kClientIp, kServers[1].address, 63}, Tcp{40000, 2323, kSyn}))));
}

// Server 2 is a client of the web service, which server 1 serves; and it serves others itself.
TEST_P(Nat, ARealServerMayBeAClientToo) {
    serve(model::Protocol::Tcp, 80, 8080);
    bed().add_service(service(model::Protocol::Tcp, 23), model::Scheduler::Rr, {0, 1}, 23);
    const auto second = kServers[1].address;
    const auto from_second = [&](const Bytes& packet) {
        return bed().send(hook(), Side::Inside, arriving(kServers[1], packet));
    };

    const auto its_request = from_second(packet(Ip{second, kVip}, Tcp{80, 80, kSyn}));
    const auto answer_to_it =
        from_server(packet(Ip{kServerIp, second}, Tcp{8080, 80, kSyn | kAck}));
    (void)from_client(packet(Ip{kClientIp, kVip}, Tcp{40000, 23, kSyn}));
    const auto its_reply = from_second(packet(Ip{second, kClientIp}, Tcp{23, 40000, kSyn | kAck}));

    EXPECT_TRUE(became(its_request, ISOBAR_FORWARDED, Action::Redirect,
                       leaving(hook(), kServers[1], kServers[0],
                               packet(Ip{second, kServerIp, 63}, Tcp{80, 8080, kSyn}))));
    EXPECT_TRUE(became(answer_to_it, ISOBAR_REPLIED, Action::Redirect,
                       leaving(hook(), kServers[0], kServers[1],
                               packet(Ip{kVip, second, 63}, Tcp{80, 80, kSyn | kAck}))));
    EXPECT_TRUE(became(its_reply, ISOBAR_REPLIED, Action::Redirect,
                       leaving(hook(), kServers[1], kClient,
                               packet(Ip{kVip, kClientIp, 63}, Tcp{23, 40000, kSyn | kAck}))));
}

// What the stack hands down in one piece and the device cuts up has no size of its own.
TEST_F(Datapath, ASuperPacketIsForwardedWhole) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    ASSERT_EQ(1, connect(40000));
    const Bytes payload(2800, 'x');

    const auto outcome = bed().send(
        Hook::Ingress, Side::Outside,
        arriving(kClient, packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kAck, payload})), 1400);

    EXPECT_TRUE(became(
        outcome, ISOBAR_FORWARDED, Action::Redirect,
        arriving(kClient, packet(Ip{kClientIp, kServerIp, 63}, Tcp{40000, 80, kAck, payload}))));
    EXPECT_EQ(2840u, bed().maps().traffic(0).value().item[ISOBAR_IN_BYTES] - 40);
}

}  // namespace
}  // namespace isobar::test
