// SPDX-License-Identifier: Apache-2.0
// A table that is full: half-open connections give way, established ones never, and where replies
// go another way a new client is served without a record.
#include <map>
#include <set>

#include "fixture.h"

namespace isobar::test {
namespace {

constexpr auto kNat = model::ForwardingMethod::Nat;
constexpr auto kTun = model::ForwardingMethod::Tun;  // the frame tells the server
constexpr std::uint16_t kFirst = 1024;
constexpr std::size_t kRecords = 128 * ISOBAR_WAYS;

class Overflow : public DatapathOnHook {
protected:
    void serve(const model::ServiceKey& key, model::ForwardingMethod method,
               std::optional<model::Persistence> persistence = {}) {
        std::vector<model::Change> changes{model::AddService{
            .key = key, .scheduler = model::Scheduler::Rr, .persistence = persistence}};
        for (const Host& server : kServers)
            changes.emplace_back(
                model::AddServer{key, {endpoint(server.address, key.address.port), 1, method}});
        bed().apply(std::move(changes));
    }
    int send(std::uint16_t client_port, std::uint8_t flags) {
        return server_of(bed().run(hook(), Side::Outside, request(client_port, flags)).frame);
    }
    isobar_verdict verdict_of(std::uint16_t client_port, std::uint8_t flags) {
        return bed().send(hook(), Side::Outside, request(client_port, flags)).verdict;
    }
    // SYN of so many clients, the first of which is `from`.
    void flood(V4 from, unsigned number) {
        for (unsigned i = 0; i < number; ++i)
            (void)bed().run(hook(), Side::Outside,
                            arriving(kClient, packet(Ip{from + i, kVip}, Tcp{999, 80, kSyn})));
    }
    void wait_a_jiffy() {
        for (const auto before = bed().jiffies(); bed().jiffies() == before;) {
        }
    }
    std::uint64_t events(isobar_event event) { return bed().maps().events().value()[event]; }
    // Established connections in every record, and who has them.
    std::map<std::uint16_t, int> fill() {
        std::map<std::uint16_t, int> servers;
        std::uint16_t port = kFirst;
        while (bed().tags_in_use() < kRecords && port < 30000) {
            const auto before = bed().connections().size();
            const int server = send(port, kSyn);
            if (bed().connections().size() > before) {
                servers[port] = server;
                (void)send(port, kAck);
            }
            ++port;
        }
        EXPECT_EQ(kRecords, bed().tags_in_use());
        return servers;
    }
    static constexpr std::uint16_t kNew = 50000;
};
ISOBAR_ON_BOTH_HOOKS(Overflow);

// Many times what the table holds. An honest client answers before the flood has gone round.
TEST_P(Overflow, AFloodOfSynEndsNoEstablishedConnectionAndKeepsNoClientOut) {
    serve(kWeb, kNat);
    std::map<std::uint16_t, int> established;
    for (std::uint16_t port = kFirst; port < kFirst + 500; ++port) {
        established[port] = send(port, kSyn);
        (void)send(port, kAck);
    }
    flood(v4(20, 0, 0, 0), 3 * kRecords);

    for (unsigned i = 0; i < 50; ++i) {
        const auto port = static_cast<std::uint16_t>(kNew + i);
        wait_a_jiffy();
        const int server = send(port, kSyn);
        ASSERT_NE(0, server) << i;
        wait_a_jiffy();
        flood(v4(21, 0, 0, 0) + i * 1000, 100);
        EXPECT_EQ(server, send(port, kAck)) << i;
        established[port] = server;
    }
    flood(v4(22, 0, 0, 0), 2 * kRecords);

    for (const auto& [port, server] : established) EXPECT_EQ(server, send(port, kAck)) << port;
    EXPECT_EQ(0u, bed().count(ISOBAR_TABLE_FULL));
    EXPECT_GT(events(ISOBAR_EVENT_HALF_OPEN_GAVE_WAY), 4 * kRecords);
    EXPECT_LE(bed().tags_in_use(), kRecords);
}

// Robustness A1. Who is half-open gives way to others of that kind long before the table is full.
TEST_P(Overflow, HalfOpenConnectionsOfAFloodTakeAQuarterOfTheTableAtMost) {
    serve(kWeb, kNat);
    std::map<std::uint16_t, int> established;
    for (std::uint16_t port = kFirst; port < kFirst + 300; ++port) {
        established[port] = send(port, kSyn);
        (void)send(port, kAck);
    }
    const auto half_open = [&] { return bed().connections().size() - established.size(); };
    const auto sweep = [&] {
        for (int i = 0; i < 2; ++i) (void)bed().plane().services();
    };
    // As many as an eighth are no flood yet.
    flood(v4(20, 0, 0, 0), kRecords / 8);
    sweep();
    flood(v4(21, 0, 0, 0), kRecords / 4);
    EXPECT_GT(half_open(), kRecords / 3);
    EXPECT_EQ(0u, events(ISOBAR_EVENT_HALF_OPEN_GAVE_WAY));

    sweep();
    flood(v4(22, 0, 0, 0), 5 * kRecords);

    EXPECT_LE(half_open(), kRecords / 4);
    EXPECT_GT(events(ISOBAR_EVENT_HALF_OPEN_GAVE_WAY), 4 * kRecords);
    EXPECT_EQ(0u, bed().count(ISOBAR_TABLE_FULL));
    for (const auto& [port, server] : established) EXPECT_EQ(server, send(port, kAck)) << port;

    // The flood is over, and its connections end.
    for (auto* conn : bed().connections())
        if ((conn->life & ISOBAR_LIFE_STATE) == ISOBAR_STATE_SYN_RECV)
            conn->expires = bed().jiffies() - 1;
    sweep();
    EXPECT_EQ(0u, bed().maps().settings().defences);
}

TEST_P(Overflow, AClientIsServedWithoutARecordByOneServer) {
    serve(kWeb, kTun);
    const auto established = fill();
    const auto before = bed().connections().size();
    const auto by_hash = events(ISOBAR_EVENT_BY_HASH);

    std::set<int> used;
    for (std::uint16_t port = kNew; port < kNew + 60; ++port) {
        const int server = send(port, kSyn);
        ASSERT_NE(0, server) << port;
        used.insert(server);
        for (const std::uint8_t flags : {kAck, kSyn, kAck, kFin})
            EXPECT_EQ(server, send(port, flags)) << port;
    }

    EXPECT_EQ(3u, used.size());
    EXPECT_EQ(300u, events(ISOBAR_EVENT_BY_HASH) - by_hash);
    EXPECT_EQ(before, bed().connections().size());
    for (const auto& [port, server] : established) ASSERT_EQ(server, send(port, kAck)) << port;
}

// There is room again, but nobody knows which packets are of a connection without a record.
TEST_P(Overflow, ItGoesOnWithoutARecordWhenThereIsRoomAgain) {
    serve(kWeb, kTun);
    (void)fill();
    const int server = send(kNew, kSyn);
    bed().end_all();

    EXPECT_EQ(server, send(kNew, kAck));
    EXPECT_EQ(0u, bed().connections().size());

    bed().maps().settings().by_hash_until = bed().jiffies() - 1;
    EXPECT_EQ(ISOBAR_NO_CONNECTION, verdict_of(kNew, kAck));
}

TEST_P(Overflow, QuiescedServersGetNothingByHash) {
    serve(kWeb, kTun);
    (void)fill();
    bed().apply({model::EditServer{kWeb, {endpoint(kServers[0].address, 80), 0, kTun}},
                 model::EditServer{kWeb, {endpoint(kServers[1].address, 80), 1, kTun}},
                 model::EditServer{kWeb, {endpoint(kServers[2].address, 80), 3, kTun}}});

    std::map<int, int> served;
    for (std::uint16_t port = kNew; port < kNew + 400; ++port) ++served[send(port, kSyn)];

    EXPECT_EQ(0, served[0] + served[1]);
    EXPECT_NEAR(100, served[2], 45) << "by weight";
}

TEST_P(Overflow, APersistentClientHasOneServerForAllItsPorts) {
    serve(kWeb, kTun, model::Persistence{std::chrono::minutes(5), 24});
    (void)fill();
    const auto server_for = [&](V4 from, std::uint16_t port) {
        return server_of(bed()
                             .run(hook(), Side::Outside,
                                  arriving(kClient, packet(Ip{from, kVip}, Tcp{port, 80, kSyn})))
                             .frame);
    };

    std::set<int> used;
    for (unsigned net = 0; net < 20; ++net) {
        const V4 client = v4(30, 0, 0, 7) + net * 256;
        const int server = server_for(client, 999);
        ASSERT_NE(0, server);
        used.insert(server);
        for (std::uint16_t port = 1000; port < 1010; ++port)
            EXPECT_EQ(server, server_for(client + port % 8, port));
    }
    EXPECT_GT(used.size(), 1u);
}

// Its replies would find nobody.
TEST_P(Overflow, NatRefusesByName) {
    serve(kWeb, kNat);
    (void)fill();
    const auto syn = request(kNew, kSyn);

    EXPECT_TRUE(
        became(bed().send(hook(), Side::Outside, syn), ISOBAR_TABLE_FULL, Action::Drop, syn));
    EXPECT_EQ(ISOBAR_NO_CONNECTION, verdict_of(kNew, kAck));
    EXPECT_EQ(0u, events(ISOBAR_EVENT_BY_HASH));
}

TEST_P(Overflow, ADatagramGoesWhereTheOthersOfItsClientGo) {
    serve(kWeb, kTun);
    serve(kDns, kTun);
    (void)fill();
    const auto by_hash = events(ISOBAR_EVENT_BY_HASH);
    const auto ask = [&](std::uint16_t port) {
        return server_of(bed().run(hook(), Side::Outside, question(port)).frame);
    };

    for (std::uint16_t port = kNew; port < kNew + 30; ++port) {
        const int server = ask(port);
        ASSERT_NE(0, server);
        EXPECT_EQ(server, ask(port));
        EXPECT_EQ(server, ask(port));
    }
    EXPECT_EQ(90u, events(ISOBAR_EVENT_BY_HASH) - by_hash);

    std::map<std::uint16_t, int> before;
    for (std::uint16_t port = kNew; port < kNew + 30; ++port) before[port] = ask(port);
    bed().end_all();
    for (const auto& [port, server] : before) EXPECT_EQ(server, ask(port)) << "there is room again";
    EXPECT_EQ(30u, bed().connections().size());
}

}  // namespace
}  // namespace isobar::test
