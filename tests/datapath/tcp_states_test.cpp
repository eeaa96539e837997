// SPDX-License-Identifier: Apache-2.0
// IPVS's TCP state machine, every cell of it (net/netfilter/ipvs/ip_vs_proto_tcp.c,
// tcp_states[]), the timeout of every state, and what counts as active.
#include <map>
#include <sstream>

#include "fixture.h"

namespace isobar::test {
namespace {

constexpr std::uint16_t kPort = 40000;

// In the order of the table's columns.
constexpr const char* kColumns[] = {"NO", "ES", "SS", "SR", "FW", "TW",
                                    "CL", "CW", "LA", "LI", "SA"};
struct State {
    std::uint32_t number;
    std::uint32_t seconds;
    bool active;
};
const std::map<std::string, State> kStates{
    {"NO", {ISOBAR_STATE_NONE, 2, false}},       {"ES", {ISOBAR_STATE_ESTABLISHED, 900, true}},
    {"SS", {ISOBAR_STATE_SYN_SENT, 120, true}},  {"SR", {ISOBAR_STATE_SYN_RECV, 60, true}},
    {"FW", {ISOBAR_STATE_FIN_WAIT, 120, false}}, {"TW", {ISOBAR_STATE_TIME_WAIT, 120, false}},
    {"CL", {ISOBAR_STATE_CLOSE, 10, false}},     {"CW", {ISOBAR_STATE_CLOSE_WAIT, 60, false}},
    {"LA", {ISOBAR_STATE_LAST_ACK, 30, false}},  {"LI", {ISOBAR_STATE_LISTEN, 120, false}},
    {"SA", {ISOBAR_STATE_SYNACK, 120, true}}};

class TcpStates : public DatapathOnHook {
protected:
    void SetUp() override {
        DatapathOnHook::SetUp();
        if (!IsSkipped()) bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    }
    // The one connection, in this state, and counted so.
    isobar_conn& in_state(const State& state) {
        if (bed().connections().empty()) (void)connect(kPort, hook());
        auto& conn = *bed().connections().at(0);
        conn.life = ISOBAR_LIFE_LIVE | state.number | (state.active ? 0 : ISOBAR_LIFE_INACTIVE);
        conn.expires = bed().jiffies() + 1000 * bed().maps().settings().hz;
        bed().server(kServers[0]).active = state.active ? 1 : 0;
        bed().server(kServers[0]).inactive = state.active ? 0 : 1;
        return conn;
    }
    void expect_state(const std::string& wanted) {
        const auto& state = kStates.at(wanted);
        const auto all = bed().connections();
        ASSERT_EQ(1u, all.size());
        const auto hz = bed().maps().settings().hz;
        EXPECT_EQ(state.number, all[0]->life & ISOBAR_LIFE_STATE) << "expected " << wanted;
        EXPECT_EQ(state.active ? 0u : ISOBAR_LIFE_INACTIVE, all[0]->life & ISOBAR_LIFE_INACTIVE);
        EXPECT_EQ(state.active ? 1u : 0u, bed().server(kServers[0]).active);
        EXPECT_EQ(state.active ? 0u : 1u, bed().server(kServers[0]).inactive);
        // 2 s of grace for a slow machine: no two timeouts are as near to each other
        const auto left = static_cast<std::int32_t>(all[0]->expires - bed().jiffies());
        EXPECT_LE(left, static_cast<std::int32_t>(state.seconds * hz));
        EXPECT_GE(left, static_cast<std::int32_t>((state.seconds - 2) * hz));
    }
    void check_row(Side side, std::uint8_t flags, const std::string& row) {
        std::istringstream wanted(row);
        for (const char* column : kColumns) {
            SCOPED_TRACE(std::string("from ") + column);
            std::string next;
            wanted >> next;
            in_state(kStates.at(column));
            const auto outcome = side == Side::Outside
                                     ? bed().send(hook(), side, request(kPort, flags))
                                     : bed().send(hook(), side, reply(kServers[0], kPort, flags));
            EXPECT_STREQ(side == Side::Outside ? "FORWARDED" : "REPLIED", name(outcome.verdict));
            expect_state(next);
        }
    }
};
ISOBAR_ON_BOTH_HOOKS(TcpStates);

//                                       NO ES SS SR FW TW CL CW LA LI SA
TEST_P(TcpStates, ASynOfTheClient) {
    check_row(Side::Outside, kSyn, "SR ES ES SR SR SR SR SR SR SR SR");
}
TEST_P(TcpStates, AFinOfTheClient) {
    check_row(Side::Outside, kFin, "CL CW SS TW TW TW CL CW LA LI TW");
}
TEST_P(TcpStates, AnAckOfTheClient) {
    check_row(Side::Outside, kAck, "ES ES SS ES FW TW CL CW CL LI ES");
}
TEST_P(TcpStates, AResetOfTheClient) {
    check_row(Side::Outside, kRst, "CL CL CL SR CL CL CL CL LA LI SR");
}
TEST_P(TcpStates, ASynOfTheServer) {
    check_row(Side::Inside, kSyn, "SS ES SS SR SS SS SS SS SS LI SR");
}
TEST_P(TcpStates, AFinOfTheServer) {
    check_row(Side::Inside, kFin, "TW FW SS TW FW TW CL TW LA LI TW");
}
TEST_P(TcpStates, AnAckOfTheServer) {
    check_row(Side::Inside, kAck, "ES ES SS ES FW TW CL CW LA ES ES");
}
TEST_P(TcpStates, AResetOfTheServer) {
    check_row(Side::Inside, kRst, "CL CL SS CL CL TW CL CL CL CL CL");
}

TEST_P(TcpStates, APacketWithoutFlagsCloses) {
    for (const std::uint8_t flags : {std::uint8_t{0}, kPsh, kUrg}) {
        in_state(kStates.at("ES"));
        (void)bed().send(hook(), Side::Outside, request(kPort, flags));
        expect_state("CL");
    }
}

TEST_P(TcpStates, ResetGoesBeforeSynBeforeFinBeforeAck) {
    const auto next = [&](const char* from, std::uint8_t flags) {
        in_state(kStates.at(from));
        (void)bed().send(hook(), Side::Inside, reply(kServers[0], kPort, flags));
    };
    next("FW", kRst | kSyn | kFin | kAck);
    expect_state("CL");
    next("FW", kSyn | kFin | kAck);
    expect_state("SS");
    next("ES", kFin | kAck);
    expect_state("FW");
}

TEST_P(TcpStates, AWholeConversationGoesThroughTheStatesThatIpvsShows) {
    const auto client = [&](std::uint8_t flags) {
        (void)bed().send(hook(), Side::Outside, request(kPort, flags));
    };
    const auto server = [&](std::uint8_t flags) {
        (void)bed().send(hook(), Side::Inside, reply(kServers[0], kPort, flags));
    };
    client(kSyn);
    expect_state("SR");
    server(kSyn | kAck);
    expect_state("SR");
    client(kAck);
    expect_state("ES");
    server(kAck | kPsh);
    expect_state("ES");
    server(kFin | kAck);
    expect_state("FW");
    client(kFin | kAck);
    expect_state("TW");
    server(kAck);
    expect_state("TW");
}

TEST_P(TcpStates, SetChangesTheTimeoutsOfEstablishedAndFinWaitAlone) {
    using std::chrono::seconds;
    ASSERT_TRUE(bed().plane().set_timeouts({seconds(77), seconds(33), seconds(0)}));
    const auto hz = bed().maps().settings().hz;
    const auto left_after = [&](const char* from, std::uint8_t flags) {
        in_state(kStates.at(from));
        (void)bed().send(hook(), Side::Inside, reply(kServers[0], kPort, flags));
        return (bed().connections().at(0)->expires - bed().jiffies() + hz - 1) / hz;
    };
    EXPECT_NEAR(77, left_after("ES", kAck), 1);
    EXPECT_NEAR(33, left_after("FW", kAck), 1);
    EXPECT_NEAR(120, left_after("TW", kAck), 1);
    EXPECT_EQ(seconds(300), bed().plane().timeouts().udp);
}

TEST_P(TcpStates, UdpIsInactiveAndStaysForItsTimeout) {
    bed().add_service(kDns, model::Scheduler::Rr, {0, 1}, 53);
    ASSERT_TRUE(bed().plane().set_timeouts(
        {std::chrono::seconds(0), std::chrono::seconds(0), std::chrono::seconds(55)}));

    const auto outcome = bed().send(hook(), Side::Outside, question(kPort));
    const auto back = bed().send(hook(), Side::Inside, answer(kServers[1], kPort));

    EXPECT_STREQ("FORWARDED", name(outcome.verdict));
    EXPECT_STREQ("REPLIED", name(back.verdict));
    const auto all = bed().connections();
    ASSERT_EQ(1u, all.size());
    const auto hz = bed().maps().settings().hz;
    EXPECT_EQ(ISOBAR_LIFE_LIVE | ISOBAR_LIFE_INACTIVE | ISOBAR_STATE_UDP, all[0]->life);
    EXPECT_NEAR(55, (all[0]->expires - bed().jiffies() + hz - 1) / hz, 1);
    EXPECT_EQ(0u, bed().server(kServers[1]).active);
    EXPECT_EQ(1u, bed().server(kServers[1]).inactive);
}

}  // namespace
}  // namespace isobar::test
