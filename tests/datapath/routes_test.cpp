// SPDX-License-Identifier: Apache-2.0
// The way out of the director: routes that change, that are not there, and that depend on where a
// packet comes from.
#include <chrono>
#include <thread>

#include "fixture.h"

namespace isobar::test {
namespace {

constexpr V4 kClientIp = kClient.address;
constexpr V4 kServerIp = kServers[0].address;

class Routes : public DatapathOnHook {
protected:
    void SetUp() override {
        DatapathOnHook::SetUp();
        if (IsSkipped()) return;
        bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
        ASSERT_EQ(1, connect(40000, hook()));
    }
    Outcome reply_comes() {
        return bed().send(hook(), Side::Inside, reply(kServers[0], 40000, kSyn | kAck));
    }
    // Nothing but the link's own route leads there.
    static void remove_way_to_client() { ip("route del 10.0.0.0/24 dev outside\n"); }
    // Nothing is sent; XDP leaves that to tc.
    testing::AssertionResult dropped(Side side, isobar_verdict verdict, const Bytes& frame) {
        const auto outcome = bed().send(hook(), side, frame);
        return is_tc() ? became(outcome, verdict, Action::Drop, frame)
                       : passed(outcome, ISOBAR_TO_TC, frame);
    }
    Outcome request_comes() { return bed().send(hook(), Side::Outside, request(40000, kAck)); }
};
ISOBAR_ON_BOTH_HOOKS(Routes);

// The stack tells the server why.
TEST_P(Routes, WithoutOneToTheClientAReplyIsLeftToTheStackAndNotCounted) {
    remove_way_to_client();
    bed().forget_nexthops();

    EXPECT_TRUE(passed(reply_comes(), is_tc() ? ISOBAR_REPLY_REFUSED : ISOBAR_TO_TC,
                       reply(kServers[0], 40000, kSyn | kAck)));
    EXPECT_EQ(0u, bed().plane().services().value().at(0).traffic.out_packets);
}

TEST_P(Routes, WithoutOneToTheClientAnErrorAboutItsPacketIsDroppedByName) {
    const auto seen = cut(packet(Ip{kClientIp, kServerIp, 60}, Tcp{40000, 80, kAck}), 28);
    const auto in = arriving(kServers[0], packet(Ip{kServerIp, kClientIp}, Icmp{3, 3, 0, seen}));
    remove_way_to_client();
    bed().forget_nexthops();

    EXPECT_TRUE(dropped(Side::Inside, ISOBAR_NO_ROUTE_QUIET, in));
}

TEST_P(Routes, WithoutOneToAClientThatIsRefusedNothingIsSent) {
    bed().add_service(kDns, model::Scheduler::Rr, {0}, 53);
    remove_way_to_client();
    bed().forget_nexthops();

    EXPECT_TRUE(dropped(Side::Outside, ISOBAR_NO_SERVER_QUIET, question(40000)));
}

TEST_P(Routes, ThatChangeAreFollowedWithinAnEighthOfASecond) {
    EXPECT_STREQ("REPLIED", name(reply_comes().verdict));
    remove_way_to_client();
    std::this_thread::sleep_for(std::chrono::milliseconds(125 + 10));
    EXPECT_STRNE("REPLIED", name(reply_comes().verdict));
    ip("route add 10.0.0.0/24 dev outside\n");
    EXPECT_STREQ("REPLIED", name(reply_comes().verdict));
}

// With two lines to the world, each with a virtual address of its own, a client may use both at
// once: its packets from one must not go out by the other.
TEST_P(Routes, ByTheVirtualAddressAreThatOfEachReply) {
    constexpr V4 kOther = v4(10, 0, 0, 22);
    bed().add_service(service(model::Protocol::Tcp, 80, kOther), model::Scheduler::Rr, {1}, 8080);
    ip("rule add from 10.0.0.22 table 22\nroute add blackhole default table 22\n");
    (void)bed().send(hook(), Side::Outside,
                     arriving(kClient, packet(Ip{kClientIp, kOther}, Tcp{40000, 80, kSyn})));
    const auto of_other =
        arriving(kServers[0], packet(Ip{kServerIp, kClientIp}, Tcp{8080, 40000, kSyn | kAck}));

    for (int i = 0; i < 2; ++i) {
        EXPECT_STREQ("REPLIED", name(reply_comes().verdict));
        EXPECT_STREQ(is_tc() ? "REPLY_REFUSED" : "TO_TC",
                     name(bed().send(hook(), Side::Inside, of_other).verdict));
    }
}

// ip_vs_xmit.c asks for the way to a real server without a source.
TEST_P(Routes, ByTheClientAreNotThoseToTheRealServer) {
    ip("rule add from 10.0.0.100 table 100\nroute add blackhole default table 100\n");
    bed().forget_nexthops();

    EXPECT_STREQ("FORWARDED", name(request_comes().verdict));
}

// By hash some of these addresses would have taken another one's place.
TEST_P(Routes, ToRealServersDoNotPushEachOtherOut) {
    constexpr std::uint8_t kMany = 100;
    std::vector<model::Change> changes{model::AddService{kDns, model::Scheduler::Rr}};
    for (std::uint8_t i = 0; i < kMany; ++i)
        changes.emplace_back(
            model::AddServer{kDns, {endpoint(v4(192, 168, 20 + i % 10, 2 + i * 7 % 200), 53), 1}});
    ip("route add 192.168.0.0/16 dev inside\n");
    bed().apply(changes);
    bed().forget_nexthops();

    for (int i = 0; i < kMany; ++i)
        (void)bed().send(hook(), Side::Outside,
                         arriving(kClient, packet(Ip{kClientIp, kVip},
                                                  Udp{static_cast<std::uint16_t>(5000 + i), 53})));

    EXPECT_EQ(kMany, bed().known_destinations());
}

}  // namespace
}  // namespace isobar::test
