// SPDX-License-Identifier: Apache-2.0
// The end of connections, with no daemon alive: by their deadline, by the client's reuse of
// a port, by a full table.
#include <chrono>

#include "fixture.h"

namespace isobar::test {
namespace {

class Expiry : public DatapathOnHook {
protected:
    void SetUp() override {
        DatapathOnHook::SetUp();
        if (!IsSkipped()) bed().add_service(kWeb, model::Scheduler::Rr, {1, 1}, 80);
    }
    void let_time_run_out(isobar_conn& conn) { conn.expires = bed().jiffies() - 1; }
};
ISOBAR_ON_BOTH_HOOKS(Expiry);

TEST_P(Expiry, APacketOfAConnectionWhoseTimeIsOverIsNoLongerPartOfIt) {
    ASSERT_EQ(2, connect(40000, hook()));
    let_time_run_out(*bed().connections().at(0));
    const auto ack = request(40000, kAck);

    const auto outcome = bed().send(hook(), Side::Outside, ack);

    EXPECT_TRUE(passed(outcome, ISOBAR_NO_CONNECTION, ack));
    EXPECT_EQ(0u, bed().connections().size());
    EXPECT_EQ(0u, bed().counted());
}

TEST_P(Expiry, ALateReplyIsLeftToTheStack) {
    ASSERT_EQ(2, connect(40000, hook()));
    let_time_run_out(*bed().connections().at(0));
    const auto late = reply(kServers[1], 40000, kAck);

    const auto outcome = bed().send(hook(), Side::Inside, late);

    EXPECT_TRUE(passed(outcome, ISOBAR_NO_SERVICE, late));
    EXPECT_EQ(0u, bed().counted());
}

TEST_P(Expiry, ASynAfterTheDeadlineStartsAnew) {
    ASSERT_EQ(2, connect(40000, hook()));
    let_time_run_out(*bed().connections().at(0));

    EXPECT_EQ(1, connect(40000, hook()));

    EXPECT_EQ(1u, bed().connections().size());
    EXPECT_EQ(0u, bed().server(kServers[1]).active);
    EXPECT_EQ(1u, bed().server(kServers[0]).active);
}

// The packets of others sweep the table; it is looked through about once a second.
TEST_P(Expiry, TrafficOfOthersRetiresIt) {
    using Clock = std::chrono::steady_clock;
    ASSERT_EQ(2, connect(40000, hook()));
    let_time_run_out(*bed().connections().at(0));
    ASSERT_EQ(1, connect(50000, hook()));
    const auto deadline = Clock::now() + std::chrono::seconds(20);

    while (bed().connections().size() > 1 && Clock::now() < deadline)
        (void)bed().run(hook(), Side::Outside, request(50000, kAck));

    EXPECT_EQ(1u, bed().connections().size());
    EXPECT_EQ(1u, bed().counted());
}

TEST_P(Expiry, AListingSweepsFirst) {
    for (std::uint16_t port = 40000; port < 40010; ++port) (void)connect(port, hook());
    for (auto* conn : bed().connections()) let_time_run_out(*conn);

    const auto services = bed().plane().services();

    ASSERT_TRUE(services);
    EXPECT_EQ(0u, services->at(0).servers.at(0).active);
    EXPECT_EQ(0u, bed().connections().size());
    EXPECT_EQ(0u, bed().counted());
}

// conn_reuse_mode 1: a client that takes its old port again is a new connection.
TEST_P(Expiry, ASynOnATimeWaitOrClosedConnectionIsScheduledAnew) {
    for (const std::uint32_t state : {ISOBAR_STATE_TIME_WAIT, ISOBAR_STATE_CLOSE}) {
        SCOPED_TRACE(state);
        ASSERT_EQ(2, connect(40000, hook()));
        auto& conn = *bed().connections().at(0);
        conn.life = (conn.life & ~ISOBAR_LIFE_STATE) | state;

        EXPECT_EQ(1, connect(40000, hook()));

        EXPECT_EQ(1u, bed().connections().size());
        EXPECT_EQ(1u, bed().counted());
        let_time_run_out(*bed().connections().at(0));
        (void)bed().send(hook(), Side::Outside, request(40000, kAck));
    }
}

TEST_P(Expiry, ASynOnALiveConnectionStaysWithItsServer) {
    ASSERT_EQ(2, connect(40000, hook()));
    EXPECT_EQ(2, connect(40000, hook()));
    EXPECT_EQ(1u, bed().connections().size());
}

// Its cache line is not written for every packet, and yet no deadline is missed by much.
TEST_P(Expiry, APacketMovesTheDeadlineUnlessItIsNearlyThereAlready) {
    ASSERT_EQ(2, connect(40000, hook()));
    (void)bed().run(hook(), Side::Outside, request(40000, kAck));
    auto& conn = *bed().connections().at(0);
    const auto& settings = bed().maps().settings();
    const auto whole = settings.timeout[conn.life & ISOBAR_LIFE_STATE];
    // The time is read before and after: a machine that was slow in between is asked again.
    const auto left_after_a_packet = [&](std::uint32_t left) {
        std::uint32_t before = 0;
        std::uint32_t after = 0;
        do {
            before = bed().jiffies();
            conn.expires = before + left;
            (void)bed().run(hook(), Side::Outside, request(40000, kAck));
            after = bed().jiffies();
        } while (after - before > 1);
        return conn.expires - before;
    };

    EXPECT_EQ(whole - settings.hz / 32, left_after_a_packet(whole - settings.hz / 32));
    EXPECT_GE(left_after_a_packet(whole - settings.hz), whole);
    EXPECT_GE(left_after_a_packet(settings.hz), whole);
    EXPECT_LE(left_after_a_packet(whole + settings.hz), whole + 1)
        << "a state with a shorter timeout";
}

// ---- a full table ----------------------------------------------------------------

// The table holds the connections it was made for and nearly half as many again, where their lines
// have room.
class FullTable : public Expiry {
protected:
    // With established connections, until a hundred clients in a row were refused. They are the
    // ports before `next_port`.
    void fill() {
        int refused = 0;
        while (refused < 100 && next_port < 20000) {
            const auto port = next_port++;
            refused = connect(port, hook()) == 0 ? refused + 1 : 0;
            if (refused == 0) (void)bed().run(hook(), Side::Outside, request(port, kAck));
        }
        ASSERT_EQ(100, refused);
        ASSERT_GE(used(), kSize);
    }
    std::uint32_t used() { return bed().plane().capacity().value().used; }

    static constexpr std::uint32_t kSize = 1024;
    std::uint16_t next_port = 1024;
};
ISOBAR_ON_BOTH_HOOKS(FullTable);

std::uint16_t port_of(const isobar_conn& conn) {
    return static_cast<std::uint16_t>(__builtin_bswap16(conn.client_port));
}

TEST_P(FullTable, TakesAllTheConnectionsItWasMadeFor) {
    for (std::uint32_t i = 0; i < kSize; ++i)
        EXPECT_NE(0, connect(static_cast<std::uint16_t>(1024 + i), hook())) << i;
    EXPECT_EQ(kSize, used());
}

TEST_P(FullTable, RefusesNewConnectionsAndKeepsTheEstablished) {
    fill();
    const auto syn = request(static_cast<std::uint16_t>(next_port - 1), kSyn);
    const auto before = used();

    const auto refused = bed().send(hook(), Side::Outside, syn);

    EXPECT_TRUE(became(refused, ISOBAR_TABLE_FULL, Action::Drop, syn));
    EXPECT_EQ(before, used());
    EXPECT_EQ(before, bed().counted());
    // those that strayed too, and their replies
    for (const auto* conn : bed().connections()) {
        const auto request_to = bed().run(hook(), Side::Outside, request(port_of(*conn), kAck));
        ASSERT_EQ(Action::Redirect, request_to.action) << port_of(*conn);
        const int server = server_of(request_to.frame);
        const auto from = reply(kServers[server - 1], port_of(*conn), kAck);
        ASSERT_EQ(Action::Redirect, bed().run(hook(), Side::Inside, from).action);
    }
}

TEST_P(FullTable, GivesUpAClosedConnectionForANewOne) {
    fill();
    auto& victim = *bed().connections().at(321);
    const auto port = port_of(victim);
    victim.life = (victim.life & ~ISOBAR_LIFE_STATE) | ISOBAR_STATE_TIME_WAIT;
    auto next = next_port;

    // one client in 112 looks in that line
    while (next < next_port + 3000 && port_of(victim) == port) (void)connect(next++, hook());

    EXPECT_NE(port, port_of(victim));
    EXPECT_EQ(used(), bed().counted());
    const auto old = request(port, kAck);
    EXPECT_TRUE(passed(bed().send(hook(), Side::Outside, old), ISOBAR_NO_CONNECTION, old));
}

TEST_P(FullTable, HasRoomAgainWhenConnectionsEnd) {
    fill();
    for (auto* conn : bed().connections()) let_time_run_out(*conn);

    EXPECT_NE(0, connect(60000, hook()));

    (void)bed().plane().connections();  // sweeps
    EXPECT_EQ(1u, used());
    EXPECT_EQ(1u, bed().counted());
    EXPECT_EQ(1u, bed().tags_in_use());
}

// All the client's connections have the same two lines; there is room for 30. (In a small table
// these lines would be met again by those that stray.)
TEST_P(FullTable, AClientMayUseOnePortForManyServices) {
    make({.connections = 65536});
    constexpr std::uint16_t kServices = 100;
    for (std::uint16_t i = 0; i < kServices; ++i)
        bed().add_service(service(model::Protocol::Tcp, static_cast<std::uint16_t>(1000 + i)),
                          model::Scheduler::Rr, {1}, static_cast<std::uint16_t>(2000 + i));
    const auto from_client = [&](std::uint16_t i, std::uint8_t flags) {
        return bed().send(hook(), Side::Outside,
                          request(40000, flags, static_cast<std::uint16_t>(1000 + i)));
    };

    for (std::uint16_t i = 0; i < kServices; ++i)
        ASSERT_STREQ("FORWARDED", name(from_client(i, kSyn).verdict)) << i;

    EXPECT_EQ(kServices, used());
    EXPECT_GE(bed().tags_in_use(), kServices + (kServices - 30u))
        << "those that strayed have a signpost";
    for (std::uint16_t i = 0; i < kServices; ++i) {
        ASSERT_STREQ("FORWARDED", name(from_client(i, kAck).verdict)) << i;
        const auto back =
            bed().send(hook(), Side::Inside,
                       reply(kServers[0], 40000, kAck, static_cast<std::uint16_t>(2000 + i)));
        ASSERT_STREQ("REPLIED", name(back.verdict)) << i;
        EXPECT_EQ(1000 + i, get16(back.frame, kL4At)) << "the reply's source port";
    }
    EXPECT_EQ(kServices, used());
}

}  // namespace
}  // namespace isobar::test
