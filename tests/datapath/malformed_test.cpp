// SPDX-License-Identifier: Apache-2.0
// Packets that contradict themselves: never a crash, never rewritten, always under a name.
#include <set>

#include "fixture.h"

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address;

class Malformed : public DatapathOnHook {
protected:
    void SetUp() override {
        DatapathOnHook::SetUp();
        if (IsSkipped()) return;
        bed().add_service(kWeb, model::Scheduler::Rr, {1}, 8080);
        bed().add_service(kDns, model::Scheduler::Rr, {1}, 5353);
    }
    // The kernel takes no shorter frame of IPv4 for BPF_PROG_TEST_RUN at tc.
    static std::size_t shortest() { return is_tc() ? kL4At : kIpAt; }
    Outcome send(const Bytes& frame) { return bed().send(hook(), Side::Outside, frame); }
    testing::AssertionResult dropped(const Bytes& frame) {
        return became(send(frame), ISOBAR_MALFORMED, Action::Drop, frame);
    }
    // Every beginning of the frame is left as it is, under one of these names, and changes nothing.
    void check_every_cut(const Bytes& frame, const std::set<isobar_verdict>& names,
                         Side side = Side::Outside) {
        const auto before = table();
        for (std::size_t length = shortest(); length < frame.size(); ++length) {
            SCOPED_TRACE(length);
            const auto in = cut(frame, length);
            const auto outcome = bed().send(hook(), side, in);
            EXPECT_TRUE(names.contains(outcome.verdict)) << name(outcome.verdict);
            EXPECT_EQ("", difference(in, outcome.frame));
        }
        EXPECT_EQ(before, table());
    }
    // State and deadline of each connection.
    std::vector<std::uint32_t> table() {
        std::vector<std::uint32_t> all;
        for (const auto* conn : bed().connections()) {
            all.push_back(conn->life);
            all.push_back(conn->expires);
        }
        return all;
    }
};
ISOBAR_ON_BOTH_HOOKS(Malformed);

TEST_P(Malformed, EveryCutOfATcpFrame) {
    Ip ip{kClientIp, kVip};
    check_every_cut(
        arriving(kClient, packet(ip, Tcp{40000, 80, kSyn, text("GET /"), {2, 4, 5, 0xb4}})),
        {ISOBAR_NOT_OURS, ISOBAR_MALFORMED});
    ip.options = Bytes(8, 1);
    check_every_cut(arriving(kClient, packet(ip, Tcp{40000, 80, kSyn})),
                    {ISOBAR_NOT_OURS, ISOBAR_MALFORMED});
}

TEST_P(Malformed, EveryCutOfAUdpFrame) {
    check_every_cut(arriving(kClient, packet(Ip{kClientIp, kVip}, Udp{40000, 53, text("who?")})),
                    {ISOBAR_NOT_OURS, ISOBAR_MALFORMED});
}

TEST_P(Malformed, EveryCutOfAnIcmpErrorOfAKnownConnection) {
    ASSERT_EQ(1, connect(40000, hook()));
    const auto seen = packet(Ip{kVip, kClientIp}, Tcp{80, 40000, kAck});
    check_every_cut(arriving(kClient, packet(Ip{kClientIp, kVip}, Icmp{3, 3, 0, seen})),
                    {ISOBAR_NOT_OURS, ISOBAR_MALFORMED, ISOBAR_TO_TC});
}

TEST_P(Malformed, EveryCutOfWhatBelongsToAConnection) {
    const std::set<isobar_verdict> names{ISOBAR_NOT_OURS, ISOBAR_MALFORMED};
    ASSERT_EQ(1, connect(40000, hook()));
    (void)send(question(40000));
    const Tcp data{40000, 80, kAck, text("GET /"), {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}};

    check_every_cut(arriving(kClient, packet(Ip{kClientIp, kVip}, data)), names);
    check_every_cut(reply(kServers[0], 40000, kSyn | kAck), names, Side::Inside);
    check_every_cut(reply(kServers[0], 40000, kFin | kAck), names, Side::Inside);
    check_every_cut(question(40000), names);
    check_every_cut(answer(kServers[0], 40000), names, Side::Inside);
}

TEST_P(Malformed, AnIpHeaderLengthThatCannotBe) {
    for (std::uint8_t ihl = 0; ihl < 16; ++ihl) {
        if (ihl == 5) continue;
        SCOPED_TRACE(int{ihl});
        auto frame = request(40000, kSyn);
        frame[kIpAt] = static_cast<std::uint8_t>(0x40 | ihl);
        fix_ip_checksum(frame);
        EXPECT_TRUE(dropped(frame));
    }
}

TEST_P(Malformed, AnIpLengthBeyondTheFrame) {
    for (const int length : {41, 60, 1500, 65535}) {
        auto frame = request(40000, kSyn);
        set16(frame, kIpLengthAt, static_cast<std::uint16_t>(length));
        fix_ip_checksum(frame);
        EXPECT_TRUE(dropped(frame)) << length;
    }
}

TEST_P(Malformed, AnIpLengthTooSmallForTheHeaders) {
    for (int length = 0; length < 40; ++length) {
        auto frame = request(40000, kSyn);
        set16(frame, kIpLengthAt, static_cast<std::uint16_t>(length));
        fix_ip_checksum(frame);
        EXPECT_TRUE(dropped(frame)) << length;
    }
}

// Ethernet pads short frames: bytes behind the packet are not part of it.
TEST_P(Malformed, PaddingIsNoFault) {
    auto frame = request(40000, kSyn);
    frame.resize(60);
    EXPECT_STREQ("FORWARDED", name(send(frame).verdict));
    EXPECT_EQ(40u, bed().maps().traffic(0).value().item[ISOBAR_IN_BYTES]);
}

TEST_P(Malformed, ATcpHeaderLengthThatCannotBe) {
    for (std::uint8_t words = 0; words < 16; ++words) {
        if (words == 5) continue;
        auto frame = request(40000, kSyn);
        frame[kTcpOffsetAt] = static_cast<std::uint8_t>(words << 4);
        EXPECT_TRUE(dropped(frame)) << int{words};
    }
}

TEST_P(Malformed, AUdpLengthThatCannotBe) {
    for (const int length : {0, 1, 7, 19, 65535}) {
        auto frame = question(40000);  // 18 bytes of UDP
        set16(frame, kUdpLengthAt, static_cast<std::uint16_t>(length));
        EXPECT_TRUE(dropped(frame)) << length;
    }
}

TEST_P(Malformed, AUdpLengthBelowThatOfTheIpPacketIsNoFault) {
    auto frame = question(40000);
    set16(frame, kUdpLengthAt, 12);
    EXPECT_STREQ("FORWARDED", name(send(frame).verdict));
}

// Without a connection only a SYN that is no RST makes one, whatever else is set, as IPVS.
TEST_P(Malformed, EveryCombinationOfTcpFlags) {
    std::uint16_t port = 40000;
    std::size_t made = 0;
    for (std::uint32_t flags = 0; flags < 256; ++flags) {
        SCOPED_TRACE(flags);
        const auto frame = request(++port, static_cast<std::uint8_t>(flags));
        const auto outcome = send(frame);
        if ((flags & kSyn) != 0 && (flags & kRst) == 0) {
            EXPECT_STREQ("FORWARDED", name(outcome.verdict));
            EXPECT_EQ(++made, bed().connections().size());
        } else {
            EXPECT_TRUE(passed(outcome, ISOBAR_NO_CONNECTION, frame));
        }
    }
}

// The stack of a router refuses such a packet as a martian; a hook before it sees it.
TEST_P(Malformed, APacketFromTheVirtualAddressToItself) {
    const auto frame = arriving(kClient, packet(Ip{kVip, kVip}, Tcp{80, 80, kSyn}));
    const auto outcome = send(frame);
    EXPECT_NE(ISOBAR_VERDICTS, outcome.verdict);
    EXPECT_NE(ISOBAR_INTERNAL, outcome.verdict);
    EXPECT_LE(bed().connections().size(), 1u);
}

}  // namespace
}  // namespace isobar::test
