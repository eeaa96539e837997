// SPDX-License-Identifier: Apache-2.0
// IPVS's switches (net.ipv4.vs.*): which packets begin a connection, which connections give way,
// and what is done when the table fills.
#include <algorithm>

#include "fixture.h"

namespace isobar::test {
namespace {

constexpr std::uint16_t kPort = 40000;
constexpr auto kTun = model::ForwardingMethod::Tun;  // the frame tells the server

class Switches : public DatapathOnHook {
protected:
    void set(const model::Switches& switches) {
        ASSERT_TRUE(bed().plane().set_switches(switches));
        EXPECT_EQ(switches, bed().plane().switches());
    }
    void serve(const model::ServiceKey& key, model::ForwardingMethod method, model::Port port,
               std::optional<model::Persistence> persistence = {}) {
        std::vector<model::Change> changes{model::AddService{
            .key = key, .scheduler = model::Scheduler::Rr, .persistence = persistence}};
        for (const Host& server : kServers)
            changes.emplace_back(
                model::AddServer{key, {endpoint(server.address, port), 1, method}});
        bed().apply(std::move(changes));
    }
    isobar_conn& only() { return *bed().connections().at(0); }
    void put_in_state(isobar_state state) {
        only().life = (only().life & ~ISOBAR_LIFE_STATE) | state;
    }
    isobar_verdict client_sends(std::uint8_t flags) {
        return bed().send(hook(), Side::Outside, request(kPort, flags)).verdict;
    }
    std::uint32_t state() { return only().life & ISOBAR_LIFE_STATE; }
    // Is a SYN on a connection in that state a new one? The servers take turns.
    bool starts_anew_in(isobar_state state) {
        const int before = connect(kPort, hook());
        put_in_state(state);
        const bool anew = connect(kPort, hook()) != before;
        only().expires = bed().jiffies() - 1;
        (void)client_sends(kRst);
        return anew;
    }
    std::uint64_t events(isobar_event event) { return bed().maps().events().value()[event]; }
};
ISOBAR_ON_BOTH_HOOKS(Switches);

// ---- conn_reuse_mode, expire_nodest_conn ----

TEST_P(Switches, ConnReuseModeSaysWhichConnectionsASynTakesThePlaceOf) {
    serve(kWeb, kTun, 80);
    const struct {
        std::uint16_t mode;
        bool closed, fin_wait;
    } cases[] = {{0, false, false}, {1, true, false}, {2, true, true}, {3, true, true}};
    for (const auto& c : cases) {
        SCOPED_TRACE(c.mode);
        set({.conn_reuse_mode = c.mode});

        EXPECT_EQ(c.closed, starts_anew_in(ISOBAR_STATE_TIME_WAIT));
        EXPECT_EQ(c.closed, starts_anew_in(ISOBAR_STATE_CLOSE));
        EXPECT_EQ(c.fin_wait, starts_anew_in(ISOBAR_STATE_FIN_WAIT));
        EXPECT_FALSE(starts_anew_in(ISOBAR_STATE_ESTABLISHED));
    }
}

TEST_P(Switches, WithNatFinWaitIsNotOverForAnyConnReuseMode) {
    serve(kWeb, model::ForwardingMethod::Nat, 80);
    set({.conn_reuse_mode = 3});

    EXPECT_FALSE(starts_anew_in(ISOBAR_STATE_FIN_WAIT));
    EXPECT_TRUE(starts_anew_in(ISOBAR_STATE_CLOSE));
}

// Its template would lead it to the same server, and it is counted as one connection.
TEST_P(Switches, AConnectionOfAPersistentClientIsGoneOnWith) {
    serve(kWeb, kTun, 80, model::Persistence{std::chrono::minutes(5), 32});
    (void)connect(kPort, hook());
    for (auto* conn : bed().connections())
        if (!(conn->life & ISOBAR_LIFE_TEMPLATE))
            conn->life = (conn->life & ~ISOBAR_LIFE_STATE) | ISOBAR_STATE_TIME_WAIT;

    (void)connect(kPort, hook());

    EXPECT_EQ(1u, bed().plane().services().value().at(0).traffic.connections);
}

TEST_P(Switches, WithExpireNodestConnASynLeavesAQuiescedServer) {
    serve(kWeb, kTun, 80);
    const int before = connect(kPort, hook());
    const auto quiesced = endpoint(kServers[before - 1].address, 80);
    bed().apply({model::EditServer{kWeb, {quiesced, 0, kTun}}});
    EXPECT_EQ(before, connect(kPort, hook()));

    set({.expire_nodest_conn = 1});

    EXPECT_EQ(ISOBAR_FORWARDED, client_sends(kAck));
    EXPECT_EQ(before, server_of(bed().run(hook(), Side::Outside, request(kPort, kAck)).frame));
    EXPECT_NE(before, connect(kPort, hook()));
}

// ---- sloppy_tcp ----

TEST_P(Switches, SloppyTcpBeginsWithAnyPacketButAReset) {
    serve(kWeb, kTun, 80);
    EXPECT_EQ(ISOBAR_NO_CONNECTION, client_sends(kAck));
    set({.sloppy_tcp = 1});

    EXPECT_EQ(ISOBAR_NO_CONNECTION, client_sends(kRst));
    EXPECT_EQ(ISOBAR_NO_CONNECTION, client_sends(kRst | kSyn));
    EXPECT_EQ(0u, bed().connections().size());
    EXPECT_EQ(ISOBAR_FORWARDED, client_sends(kAck));
    EXPECT_EQ(1u, bed().connections().size());
}

// ---- secure_tcp ----

TEST_P(Switches, SecureTcpBelievesTheServerOnly) {
    serve(kWeb, model::ForwardingMethod::Nat, 80);
    set({.secure_tcp = ISOBAR_MODE_ALWAYS});
    const auto server = kServers[connect(kPort, hook()) - 1];
    const auto server_sends = [&](std::uint8_t flags) {
        return bed().send(hook(), Side::Inside, reply(server, kPort, flags)).verdict;
    };
    EXPECT_EQ(ISOBAR_STATE_SYN_RECV, state());

    EXPECT_EQ(ISOBAR_FORWARDED, client_sends(kAck));
    EXPECT_EQ(ISOBAR_STATE_SYN_RECV, state()) << "anybody can send that";
    EXPECT_EQ(ISOBAR_REPLIED, server_sends(kSyn | kAck));
    EXPECT_EQ(ISOBAR_STATE_SYNACK, state());
    EXPECT_EQ(ISOBAR_FORWARDED, client_sends(kAck));
    EXPECT_EQ(ISOBAR_STATE_SYNACK, state());
    EXPECT_EQ(ISOBAR_REPLIED, server_sends(kAck));
    EXPECT_EQ(ISOBAR_STATE_ESTABLISHED, state());

    set({});
    put_in_state(ISOBAR_STATE_SYN_RECV);
    EXPECT_EQ(ISOBAR_FORWARDED, client_sends(kAck));
    EXPECT_EQ(ISOBAR_STATE_ESTABLISHED, state());
}

TEST_P(Switches, SecureTcpOfConnectionsWhoseRepliesGoAnotherWay) {
    serve(kWeb, kTun, 80);
    set({.secure_tcp = ISOBAR_MODE_ALWAYS});

    (void)connect(kPort, hook());
    EXPECT_EQ(ISOBAR_STATE_SYNACK, state());
    (void)client_sends(kAck);
    EXPECT_EQ(ISOBAR_STATE_ESTABLISHED, state());
}

// ---- drop_packet, drop_entry ----

TEST_P(Switches, DropPacketDropsOneOfAmDroprateNewConnections) {
    serve(kWeb, kTun, 80);
    set({.drop_packet = ISOBAR_MODE_ALWAYS, .am_droprate = 4});

    for (std::uint16_t i = 0; i < 40; ++i)
        (void)connect(static_cast<std::uint16_t>(1024 + i), hook());

    EXPECT_EQ(10u, bed().count(ISOBAR_LOAD_SHED));
    EXPECT_EQ(30u, bed().connections().size());
    const auto known = static_cast<std::uint16_t>(1024);
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(ISOBAR_FORWARDED,
                  bed().send(hook(), Side::Outside, request(known, kAck)).verdict);
}

// One line of 32 in a second, whoever sweeps however often.
TEST_P(Switches, DropEntryEndsHalfOpenConnectionsInPartOfTheTable) {
    serve(kWeb, kTun, 80);
    for (std::uint16_t port = 1024; port < 2048; ++port) (void)connect(port, hook());
    const auto all = bed().connections();
    for (std::size_t i = 0; i < all.size(); i += 2)
        all[i]->life = (all[i]->life & ~ISOBAR_LIFE_STATE) | ISOBAR_STATE_ESTABLISHED;
    const auto half_open = [&] {
        std::size_t found = 0;
        for (const auto* conn : bed().connections())
            found += (conn->life & ISOBAR_LIFE_STATE) == ISOBAR_STATE_SYN_RECV;
        return found;
    };
    const auto at_first = half_open();
    const auto established = all.size() - at_first;

    set({.drop_entry = ISOBAR_MODE_ALWAYS});
    (void)bed().plane().services();  // sweeps
    (void)bed().plane().services();

    const auto ended = at_first - half_open();
    EXPECT_EQ(ended, events(ISOBAR_EVENT_DROP_ENTRY));
    EXPECT_GT(ended, 0u);
    EXPECT_LE(ended, 2 * 4 * ISOBAR_WAYS) << "128 lines, and a second may have ended meanwhile";
    EXPECT_EQ(established, bed().connections().size() - half_open());
}

TEST_P(Switches, TheAutomaticModesActWhileTheTableIsFull) {
    serve(kWeb, kTun, 80);
    const auto in_force = [&] {
        for (int i = 0; i < 2; ++i)          // the first ends what packets have begun
            (void)bed().plane().services();  // sweeps the whole table
        const auto& settings = bed().maps().settings();
        const auto by_switches = ISOBAR_DEFENCE_SECURE_TCP | ISOBAR_DEFENCE_DROP_ENTRY;
        return std::pair(settings.defences & by_switches, settings.drop_rate);
    };
    const model::Switches automatic{
        .drop_entry = 1, .drop_packet = 2, .secure_tcp = 1, .amemthresh = 20};
    set(automatic);
    EXPECT_EQ(std::pair(0u, 0u), in_force());

    set({});
    for (std::uint16_t port = 1024; port < 1024 + 800; ++port) (void)connect(port, hook());
    set(automatic);
    const auto [defences, rate] = in_force();
    EXPECT_EQ(ISOBAR_DEFENCE_SECURE_TCP | ISOBAR_DEFENCE_DROP_ENTRY, defences);
    EXPECT_GE(rate, 3u) << "800 of 1920 records are 41 %: (100 - 20) / (41 - 20)";
    EXPECT_LE(rate, 4u);

    for (auto* conn : bed().connections()) conn->expires = bed().jiffies() - 1;
    (void)bed().plane().services();
    EXPECT_EQ(std::pair(0u, 0u), in_force());
}

// ---- pmtu_disc ----

TEST_P(Switches, WithoutPmtuDiscAPacketIsCutUpInItsTunnelThoughItSaysNo) {
    serve(kWeb, kTun, 80);
    const auto big = arriving(kClient, packet(Ip{kClient.address, kVip, 64, 0, 7, kDontFragment},
                                              Tcp{kPort, 80, kSyn, Bytes(1455, 'x')}));
    const auto small = arriving(
        kClient, packet(Ip{kClient.address, kVip, 64, 0, 7, kDontFragment}, Tcp{kPort, 80, kSyn}));
    EXPECT_EQ(is_tc() ? ISOBAR_TOO_BIG : ISOBAR_TO_TC,
              bed().send(hook(), Side::Outside, big).verdict);

    set({.pmtu_disc = 0});

    EXPECT_EQ(is_tc() ? ISOBAR_TO_FRAGMENT : ISOBAR_TO_TC,
              bed().send(hook(), Side::Outside, big).verdict);
    const auto wrapped = bed().send(hook(), Side::Outside, small);
    EXPECT_EQ(ISOBAR_FORWARDED, wrapped.verdict);
    EXPECT_EQ(0, get16(wrapped.frame, 20)) << "the outer header may be cut up";
    set({});
    EXPECT_EQ(0x4000, get16(bed().send(hook(), Side::Outside, small).frame, 20));
}

}  // namespace
}  // namespace isobar::test
