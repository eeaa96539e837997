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
    std::uint32_t counted() {
        std::uint32_t sum = 0;
        for (const auto& server : bed().maps().servers()) sum += server.active + server.inactive;
        return sum;
    }
};
ISOBAR_ON_BOTH_HOOKS(Expiry);

TEST_P(Expiry, APacketOfAConnectionWhoseTimeIsOverIsNoLongerPartOfIt) {
    ASSERT_EQ(2, connect(40000, hook()));
    let_time_run_out(*bed().connections().at(0));
    const auto ack = request(40000, kAck);

    const auto outcome = bed().send(hook(), Side::Outside, ack);

    EXPECT_TRUE(passed(outcome, ISOBAR_NO_CONNECTION, ack));
    EXPECT_EQ(0u, bed().connections().size());
    EXPECT_EQ(0u, counted());
}

TEST_P(Expiry, ALateReplyIsLeftToTheStack) {
    ASSERT_EQ(2, connect(40000, hook()));
    let_time_run_out(*bed().connections().at(0));
    const auto late = reply(kServers[1], 40000, kAck);

    const auto outcome = bed().send(hook(), Side::Inside, late);

    EXPECT_TRUE(passed(outcome, ISOBAR_NO_SERVICE, late));
    EXPECT_EQ(0u, counted());
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
    EXPECT_EQ(1u, counted());
}

TEST_P(Expiry, AListingSweepsFirst) {
    for (std::uint16_t port = 40000; port < 40010; ++port) (void)connect(port, hook());
    for (auto* conn : bed().connections()) let_time_run_out(*conn);

    const auto services = bed().plane().services();

    ASSERT_TRUE(services);
    EXPECT_EQ(0u, services->at(0).servers.at(0).active);
    EXPECT_EQ(0u, bed().connections().size());
    EXPECT_EQ(0u, counted());
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
        EXPECT_EQ(1u, counted());
        let_time_run_out(*bed().connections().at(0));
        (void)bed().send(hook(), Side::Outside, request(40000, kAck));
    }
}

TEST_P(Expiry, ASynOnALiveConnectionStaysWithItsServer) {
    ASSERT_EQ(2, connect(40000, hook()));
    EXPECT_EQ(2, connect(40000, hook()));
    EXPECT_EQ(1u, bed().connections().size());
}

// ---- a full table ----------------------------------------------------------------

class FullTable : public Expiry {
protected:
    // A new connection may be refused shortly before the last record is taken, when both
    // buckets of its tuple are full.
    void fill() {
        std::uint16_t port = 1024;
        while (used() < 1024 && port < 9000) (void)connect(port++, hook());
        ASSERT_EQ(1024u, used());
    }
    std::uint32_t used() { return bed().plane().capacity().value().used; }
};
ISOBAR_ON_BOTH_HOOKS(FullTable);

TEST_P(FullTable, RefusesNewConnectionsAndKeepsTheEstablished) {
    fill();
    const auto syn = request(60000, kSyn);
    const auto established = bed().connections().at(500);

    const auto refused = bed().send(hook(), Side::Outside, syn);
    const auto goes_on = bed().send(
        hook(), Side::Outside,
        request(static_cast<std::uint16_t>(__builtin_bswap16(established->client_port)), kAck));

    EXPECT_TRUE(became(refused, ISOBAR_TABLE_FULL, Action::Drop, syn));
    EXPECT_STREQ("FORWARDED", name(goes_on.verdict));
    EXPECT_EQ(1024u, used());
    EXPECT_EQ(1024u, counted());
}

TEST_P(FullTable, GivesUpAClosedConnectionForANewOne) {
    fill();
    auto& victim = *bed().connections().at(321);
    const auto port = victim.client_port;
    victim.life = (victim.life & ~ISOBAR_LIFE_STATE) | ISOBAR_STATE_TIME_WAIT;
    std::uint16_t next = 50000;

    // one attempt looks at 64 records
    while (next < 50000 + 1024 / 64 + 1 && connect(next, hook()) == 0) ++next;

    EXPECT_LT(next, 50000 + 1024 / 64 + 1);
    EXPECT_EQ(1024u, used());
    EXPECT_EQ(1024u, counted());
    const auto old = request(static_cast<std::uint16_t>(__builtin_bswap16(port)), kAck);
    EXPECT_TRUE(passed(bed().send(hook(), Side::Outside, old), ISOBAR_NO_CONNECTION, old));
}

TEST_P(FullTable, HasRoomAgainWhenConnectionsEnd) {
    fill();
    for (auto* conn : bed().connections()) let_time_run_out(*conn);

    EXPECT_NE(0, connect(60000, hook()));

    (void)bed().plane().connections();  // sweeps
    EXPECT_EQ(1u, used());
    EXPECT_EQ(1u, counted());
}

}  // namespace
}  // namespace isobar::test
