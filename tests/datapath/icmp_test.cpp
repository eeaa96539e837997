// SPDX-License-Identifier: Apache-2.0
// ICMP errors about packets of a connection: mapped to the other side's addresses, outside
// and in what they quote. At tc; XDP hands all ICMP to tc.
#include "fixture.h"

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address;
constexpr V4 kServerIp = kServers[0].address;
constexpr V4 kRouterOutside = v4(10, 0, 0, 7);
constexpr V4 kRouterInside = v4(192, 168, 10, 7);

class IcmpErrors : public Datapath {
protected:
    // One TCP connection from port 40000 (80 -> 8080), one of UDP (53 -> 5353).
    void SetUp() override {
        Datapath::SetUp();
        if (IsSkipped()) return;
        bed().add_service(kWeb, model::Scheduler::Rr, {1}, 8080);
        bed().add_service(kDns, model::Scheduler::Rr, {1}, 5353);
        ASSERT_EQ(1, connect(40000));
        (void)bed().send(Hook::Ingress, Side::Outside, question(40000));
    }
    Outcome from_outside(const Bytes& packet) {
        return bed().send(Hook::Ingress, Side::Outside, arriving(kClient, packet));
    }
    Outcome from_inside(const Bytes& packet) {
        return bed().send(Hook::Ingress, Side::Inside, arriving(kServers[0], packet));
    }
};

struct Kind {
    const char* description;
    std::uint8_t type;
    std::uint8_t code;
    std::uint32_t rest;
};
constexpr Kind kKinds[] = {
    {"host unreachable", 3, 1, 0},
    {"port unreachable", 3, 3, 0},
    {"fragmentation needed, MTU 0", 3, 4, 0},
    {"fragmentation needed, MTU 68", 3, 4, 68},
    {"fragmentation needed, MTU 65535", 3, 4, 65535},
    {"source quench", 4, 0, 0},
    {"time exceeded", 11, 0, 0},
    {"parameter problem", 12, 0, 0x01000000},
};

// `l4` bytes of the transport header are quoted.
Bytes quote(const Bytes& packet, std::size_t l4) {
    return cut(packet, (packet[0] & 15u) * 4 + l4);
}

TEST_F(IcmpErrors, FromOutsideAboutAReplyGoToTheServerAboutItsOwnPacket) {
    for (const auto& kind : kKinds) {
        SCOPED_TRACE(kind.description);
        // What the error quotes is the reply as it left us; the server knows its own. The
        // transport checksum in the quote is not ours to change, nor is it whole.
        auto seen = packet(Ip{kVip, kClientIp, 60}, Tcp{80, 40000, kAck, text("page")});
        auto own = packet(Ip{kServerIp, kClientIp, 60}, Tcp{8080, 40000, kAck, text("page")});
        for (const auto source : {kClientIp, kRouterOutside}) {
            const auto outcome = from_outside(
                packet(Ip{source, kVip}, Icmp{kind.type, kind.code, kind.rest, quote(seen, 8)}));
            EXPECT_TRUE(became(
                outcome, ISOBAR_ICMP_FORWARDED, Action::Redirect,
                arriving(kClient, packet(Ip{source, kServerIp, 63},
                                         Icmp{kind.type, kind.code, kind.rest, quote(own, 8)}))));
        }
    }
}

TEST_F(IcmpErrors, FromInsideAboutARequestGoToTheClientInTheNameOfTheService) {
    for (const auto& kind : kKinds) {
        SCOPED_TRACE(kind.description);
        auto seen = packet(Ip{kClientIp, kServerIp, 60}, Tcp{40000, 8080, kAck, text("get")});
        auto own = packet(Ip{kClientIp, kVip, 60}, Tcp{40000, 80, kAck, text("get")});
        for (const auto source : {kServerIp, kRouterInside}) {
            const auto outcome = from_inside(packet(
                Ip{source, kClientIp}, Icmp{kind.type, kind.code, kind.rest, quote(seen, 8)}));
            EXPECT_TRUE(became(outcome, ISOBAR_ICMP_REPLIED, Action::Redirect,
                               arriving(kServers[0], packet(Ip{kVip, kClientIp, 63},
                                                            Icmp{kind.type, kind.code, kind.rest,
                                                                 quote(own, 8)}))));
        }
    }
}

TEST_F(IcmpErrors, AboutUdpAreMappedLikewise) {
    const auto none = UdpChecksum::None;
    const auto seen = packet(Ip{kClientIp, kServerIp, 60}, Udp{40000, 5353, text("who?"), none});
    const auto own = packet(Ip{kClientIp, kVip, 60}, Udp{40000, 53, text("who?"), none});

    const auto outcome = from_inside(packet(Ip{kServerIp, kClientIp}, Icmp{3, 3, 0, seen}));

    EXPECT_TRUE(became(outcome, ISOBAR_ICMP_REPLIED, Action::Redirect,
                       arriving(kServers[0], packet(Ip{kVip, kClientIp, 63}, Icmp{3, 3, 0, own}))));
}

TEST_F(IcmpErrors, OptionsInBothIpHeadersAreSteppedOver) {
    Ip inner_seen{kClientIp, kServerIp, 60};
    Ip inner_own{kClientIp, kVip, 60};
    Ip outer_in{kServerIp, kClientIp};
    Ip outer_out{kVip, kClientIp, 63};
    for (auto* ip : {&inner_seen, &inner_own, &outer_in, &outer_out}) ip->options = Bytes(40, 1);
    const auto seen = packet(inner_seen, Tcp{40000, 8080, kAck});
    const auto own = packet(inner_own, Tcp{40000, 80, kAck});

    const auto outcome = from_inside(packet(outer_in, Icmp{3, 3, 0, quote(seen, 8)}));

    EXPECT_TRUE(became(outcome, ISOBAR_ICMP_REPLIED, Action::Redirect,
                       arriving(kServers[0], packet(outer_out, Icmp{3, 3, 0, quote(own, 8)}))));
}

TEST_F(IcmpErrors, DoNotChangeTheStateOfTheConnection) {
    const auto life = bed().connections().at(0)->life;
    const auto seen = packet(Ip{kVip, kClientIp, 60}, Tcp{80, 40000, kAck});
    (void)from_outside(packet(Ip{kClientIp, kVip}, Icmp{3, 3, 0, quote(seen, 8)}));
    EXPECT_EQ(life, bed().connections().at(0)->life);
}

TEST_F(IcmpErrors, AreDroppedWhereTheirTimeToLiveEnds) {
    const auto seen = packet(Ip{kVip, kClientIp, 60}, Tcp{80, 40000, kAck});
    const auto in = packet(Ip{kClientIp, kVip, 1}, Icmp{3, 3, 0, quote(seen, 8)});
    EXPECT_TRUE(
        became(from_outside(in), ISOBAR_TTL_EXPIRED_QUIET, Action::Drop, arriving(kClient, in)));
}

TEST_F(IcmpErrors, WithAWrongIpChecksumAreDropped) {
    const auto seen = packet(Ip{kVip, kClientIp, 60}, Tcp{80, 40000, kAck});
    auto in = packet(Ip{kClientIp, kVip}, Icmp{3, 3, 0, quote(seen, 8)});
    in[10] ^= 1;
    EXPECT_TRUE(became(from_outside(in), ISOBAR_BAD_CHECKSUM, Action::Drop, arriving(kClient, in)));
}

TEST_F(IcmpErrors, OtherIcmpIsLeftToTheStack) {
    const Ip ip{kClientIp, kVip};
    const auto known = packet(Ip{kVip, kClientIp}, Tcp{80, 40000, kAck});
    auto fragment = known;
    set16(fragment, 6, 185);  // not the first fragment: no ports in it
    auto of_esp = known;
    of_esp[9] = 50;
    auto inner_v6 = known;
    inner_v6[0] = 0x65;
    auto short_header = known;
    short_header[0] = 0x44;
    const struct {
        const char* description;
        Bytes in;
    } cases[] = {
        {"echo request", packet(ip, Icmp{8, 0, 0x00010001, Bytes(56)})},
        {"redirect", packet(ip, Icmp{5, 1, kClientIp, known})},
        {"about an unknown port",
         packet(ip, Icmp{3, 3, 0, packet(Ip{kVip, kClientIp}, Tcp{80, 40001, kAck})})},
        {"about another client",
         packet(ip, Icmp{3, 3, 0, packet(Ip{kVip, kRouterOutside}, Tcp{80, 40000, kAck})})},
        {"about the packet in the wrong direction",
         packet(ip, Icmp{3, 3, 0, packet(Ip{kClientIp, kVip}, Tcp{40000, 80, kAck})})},
        {"about a later fragment", packet(ip, Icmp{3, 3, 0, fragment})},
        {"about ESP", packet(ip, Icmp{3, 3, 0, of_esp})},
        {"about IPv6", packet(ip, Icmp{3, 3, 0, inner_v6})},
        {"about a header too short", packet(ip, Icmp{3, 3, 0, short_header})},
        {"about an ICMP error", packet(ip, Icmp{3, 3, 0, packet(ip, Icmp{3, 3, 0, known})})},
        {"about a tunnel", packet(ip, Icmp{3, 3, 0,
                                           [&] {
                                               auto outer = packet(Ip{kVip, kClientIp},
                                                                   Icmp{0, 0, 0, known});
                                               outer[9] = 4;
                                               return outer;
                                           }()})},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.description);
        EXPECT_TRUE(passed(from_outside(c.in), ISOBAR_NOT_OURS, arriving(kClient, c.in)));
    }
}

TEST_F(IcmpErrors, ThatQuoteTooLittleAreLeftToTheStack) {
    const auto known = packet(Ip{kVip, kClientIp}, Tcp{80, 40000, kAck});
    for (std::size_t quoted = 0; quoted < 28; ++quoted) {
        SCOPED_TRACE(quoted);
        const auto in = packet(Ip{kClientIp, kVip}, Icmp{3, 3, 0, cut(known, quoted)});
        EXPECT_TRUE(passed(from_outside(in), ISOBAR_NOT_OURS, arriving(kClient, in)));
    }
}

TEST_F(IcmpErrors, AtXdpAreHandedToTc) {
    const auto seen = packet(Ip{kVip, kClientIp, 60}, Tcp{80, 40000, kAck});
    const auto in = arriving(kClient, packet(Ip{kClientIp, kVip}, Icmp{3, 3, 0, quote(seen, 8)}));
    EXPECT_TRUE(passed(bed().send(Hook::Xdp, Side::Outside, in), ISOBAR_TO_TC, in));
}

}  // namespace
}  // namespace isobar::test
