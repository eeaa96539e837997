// SPDX-License-Identifier: Apache-2.0
// Clients of a persistent service stay with their server: templates from their making to their
// end, services on all ports.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <span>
#include <thread>

#include "fixture.h"

namespace isobar::test {
namespace {

using std::chrono::seconds;

constexpr model::Persistence kFiveMinutes{seconds(300), 32};

class Persistence : public DatapathOnHook {
protected:
    void serve(const model::ServiceKey& key, const model::Persistence& persistence = kFiveMinutes,
               model::Port port = 80, int servers = 3) {
        std::vector<model::Change> changes{model::AddService{
            .key = key, .scheduler = model::Scheduler::Rr, .persistence = persistence}};
        for (int i = 0; i < servers; ++i)
            changes.emplace_back(model::AddServer{key, {endpoint(kServers[i].address, port), 1}});
        bed().apply(std::move(changes));
    }
    static Bytes syn(V4 client, std::uint16_t client_port, std::uint16_t port = 80) {
        return arriving(kClient, packet(Ip{.source = client, .destination = kVip},
                                        Tcp{client_port, port, kSyn}));
    }
    // The server that a client's next connection gets, and the port it arrives at there.
    int connect_from(V4 client, std::uint16_t port = 80) {
        const auto outcome = bed().send(hook(), Side::Outside, syn(client, client_port_++, port));
        if (outcome.verdict != ISOBAR_FORWARDED) return 0;
        arrived_at = get16(outcome.frame, kL4At + 2);
        return server_of(outcome.frame);
    }
    std::vector<isobar_conn*> of_kind(bool templates) {
        std::vector<isobar_conn*> result;
        for (auto& conn : bed().conns())
            if ((conn.life & ISOBAR_LIFE_KEPT) &&
                ((conn.life & ISOBAR_LIFE_TEMPLATE) != 0) == templates)
                result.push_back(&conn);
        return result;
    }
    std::vector<isobar_conn*> templates() { return of_kind(true); }
    std::vector<isobar_conn*> flows() { return of_kind(false); }
    void let_time_run_out(isobar_conn& conn) { conn.expires = bed().jiffies() - 1; }
    void sweep() { ASSERT_TRUE(bed().plane().services()); }
    std::uint32_t counted() {
        std::uint32_t sum = 0;
        for (const auto& server : bed().maps().servers())
            sum += server.active + server.inactive + server.persistent;
        return sum;
    }
    std::uint32_t controlled() {
        std::uint32_t sum = 0;
        for (const auto& conn : bed().conns()) sum += conn.controlled;
        return sum;
    }
    // Seconds that are left to the record, rounded.
    long left(const isobar_conn& conn) {
        const auto hz = bed().maps().settings().hz;
        return (static_cast<std::int32_t>(conn.expires - bed().jiffies()) + hz / 2) / hz;
    }
    void set_weight(int server, model::Weight weight) {
        bed().apply(
            {model::EditServer{kWeb, {endpoint(kServers[server - 1].address, 80), weight}}});
    }

    static constexpr V4 kAnn = v4(10, 0, 0, 100), kBob = v4(10, 0, 0, 101),
                        kEve = v4(10, 0, 1, 100);
    std::uint16_t arrived_at = 0;

private:
    std::uint16_t client_port_ = 20000;
};
ISOBAR_ON_BOTH_HOOKS(Persistence);

TEST_P(Persistence, ARemovedServersConnectionsAndTemplatesCanBeEnded) {
    serve(kWeb, kFiveMinutes, 80, 2);
    const int theirs = connect_from(kAnn);
    ASSERT_NE(theirs, 0);
    ASSERT_NE(connect_from(kBob), theirs);
    const auto gone = endpoint(kServers[theirs - 1].address, 80);
    ASSERT_EQ(bed().plane().end_connections(kWeb, gone), 0U) << "it is in its service";
    bed().apply({model::RemoveServer{kWeb, gone}});

    EXPECT_EQ(bed().plane().end_connections(kWeb, gone), 2U);

    EXPECT_EQ(flows().size(), 1U);
    EXPECT_EQ(templates().size(), 1U);
    EXPECT_EQ(counted(), 2U);
    EXPECT_EQ(controlled(), 1U);
    EXPECT_NE(connect_from(kAnn), theirs);
}

TEST_P(Persistence, AClientStaysWithItsServerAndOthersGetTheirs) {
    serve(kWeb);

    EXPECT_EQ(3, connect_from(kAnn));
    EXPECT_EQ(2, connect_from(kBob));
    EXPECT_EQ(3, connect_from(kAnn));
    EXPECT_EQ(2, connect_from(kBob));
    EXPECT_EQ(3, connect_from(kAnn));
    EXPECT_EQ(1, connect_from(kEve));

    EXPECT_EQ(3u, templates().size());
    EXPECT_EQ(6u, flows().size());
    EXPECT_EQ(6u, controlled());
    EXPECT_EQ(1u, bed().server(kServers[2]).persistent);
    EXPECT_EQ(3u, bed().server(kServers[2]).active);
    EXPECT_EQ(0u, bed().server(kServers[2]).inactive);
}

TEST_P(Persistence, TheMaskMakesANetworkOneClient) {
    serve(kWeb, {seconds(300), 24});

    EXPECT_EQ(3, connect_from(kAnn));
    EXPECT_EQ(3, connect_from(kBob));
    EXPECT_EQ(2, connect_from(kEve));

    EXPECT_EQ(2u, templates().size());
    const auto listed = bed().plane().connections().value();
    const auto is_network = [](const model::ConnectionStatus& each) {
        return each.client == endpoint(v4(10, 0, 0, 0), 0);
    };
    const auto one = std::find_if(listed.begin(), listed.end(), is_network);
    ASSERT_NE(listed.end(), one);
    EXPECT_EQ("NONE", one->state);
    EXPECT_EQ(endpoint(kVip, 80), one->virtual_address);
    EXPECT_EQ(endpoint(kServers[2].address, 80), one->server);
}

TEST_P(Persistence, WithNoBitOfTheMaskAllClientsAreOne) {
    serve(kWeb, {seconds(300), 0});

    EXPECT_EQ(3, connect_from(kAnn));
    EXPECT_EQ(3, connect_from(kEve));
    EXPECT_EQ(3, connect_from(v4(203, 0, 113, 7)));
}

TEST_P(Persistence, ATemplateIsNoConnectionForPacketsFromPortZero) {
    serve(kWeb);
    ASSERT_EQ(3, connect_from(kAnn));
    const auto ack = request(0, kAck);

    EXPECT_TRUE(passed(bed().send(hook(), Side::Outside, ack), ISOBAR_NO_CONNECTION, ack));
}

TEST_P(Persistence, ANewConnectionRenewsTheTemplate) {
    serve(kWeb);
    ASSERT_EQ(3, connect_from(kAnn));
    EXPECT_EQ(300, left(*templates().at(0)));
    templates().at(0)->expires = bed().jiffies() + 7 * bed().maps().settings().hz;
    EXPECT_EQ(7, left(*templates().at(0)));

    (void)bed().send(hook(), Side::Outside, request(20000, kAck));
    EXPECT_EQ(7, left(*templates().at(0))) << "not a packet of an old one";
    ASSERT_EQ(3, connect_from(kAnn));
    EXPECT_EQ(300, left(*templates().at(0)));
}

TEST_P(Persistence, ATemplateIsProlongedAsLongAsItControlsConnections) {
    serve(kWeb);
    ASSERT_EQ(3, connect_from(kAnn));
    let_time_run_out(*templates().at(0));

    sweep();

    ASSERT_EQ(1u, templates().size());
    EXPECT_EQ(60, left(*templates().at(0)));
    let_time_run_out(*templates().at(0));
    EXPECT_EQ(3, connect_from(kAnn)) << "found before it was swept";

    for (auto* conn : flows()) let_time_run_out(*conn);
    sweep();
    EXPECT_EQ(1u, templates().size());
    let_time_run_out(*templates().at(0));
    sweep();
    EXPECT_EQ(0u, templates().size());
    EXPECT_EQ(0u, counted());
    EXPECT_EQ(0u, controlled());
    EXPECT_EQ(0u, bed().tags_in_use());
    EXPECT_EQ(2, connect_from(kAnn)) << "a new choice";
}

TEST_P(Persistence, AnExpiredTemplateThatWasNotSweptIsNotUsed) {
    serve(kWeb);
    ASSERT_EQ(3, connect_from(kAnn));
    for (auto* conn : flows()) let_time_run_out(*conn);
    sweep();
    let_time_run_out(*templates().at(0));

    EXPECT_EQ(2, connect_from(kAnn));
}

TEST_P(Persistence, AQuiescedServerKeepsItsClients) {
    serve(kWeb);
    ASSERT_EQ(3, connect_from(kAnn));
    set_weight(3, 0);

    EXPECT_EQ(3, connect_from(kAnn));
    EXPECT_NE(3, connect_from(kBob));
}

TEST_P(Persistence, AQuiescedServerLosesItsClientsIfSoConfigured) {
    serve(kWeb);
    ASSERT_TRUE(bed().plane().set_switches({.expire_quiescent_template = 1}));
    EXPECT_TRUE(bed().plane().switches().expire_quiescent_template);
    ASSERT_EQ(3, connect_from(kAnn));
    ASSERT_EQ(3, connect_from(kAnn));
    set_weight(3, 0);

    EXPECT_EQ(2, connect_from(kAnn));
    set_weight(3, 1);
    EXPECT_EQ(2, connect_from(kAnn)) << "the old template is void for good";

    // it stays as long as it controls connections, listed as IPVS does
    ASSERT_EQ(2u, templates().size());
    const auto listed = bed().plane().connections().value();
    const auto is_void = [](const model::ConnectionStatus& each) {
        return each.virtual_address.port == 65535 && each.server.port == 65535 &&
               each.client == endpoint(kAnn, 0);
    };
    EXPECT_EQ(1, std::count_if(listed.begin(), listed.end(), is_void));
    for (auto* conn : flows()) let_time_run_out(*conn);
    sweep();
    for (auto* conn : templates()) let_time_run_out(*conn);
    sweep();
    EXPECT_EQ(0u, counted());
    EXPECT_EQ(0u, controlled());
    EXPECT_EQ(0u, bed().tags_in_use());
}

TEST_P(Persistence, ARemovedServerLosesItsClients) {
    serve(kWeb);
    ASSERT_EQ(3, connect_from(kAnn));
    bed().apply({model::RemoveServer{kWeb, endpoint(kServers[2].address, 80)}});

    EXPECT_EQ(2, connect_from(kAnn));
    EXPECT_EQ(2, connect_from(kAnn));
}

TEST_P(Persistence, NoServerIsLeft) {
    serve(kWeb, kFiveMinutes, 80, 1);
    set_weight(1, 0);

    (void)bed().send(hook(), Side::Outside, syn(kAnn, 1000));

    EXPECT_EQ(0u, counted());
    EXPECT_EQ(0u, bed().tags_in_use());
}

TEST_P(Persistence, PersistenceThatIsTurnedOffLetsClientsMove) {
    serve(kWeb);
    ASSERT_EQ(3, connect_from(kAnn));
    bed().apply({model::EditService{kWeb, model::Scheduler::Rr}});

    EXPECT_EQ(2, connect_from(kAnn));
    EXPECT_FALSE(bed().plane().services().value().at(0).persistence);
    bed().apply({model::EditService{
        .key = kWeb, .scheduler = model::Scheduler::Rr, .persistence = kFiveMinutes}});
    EXPECT_EQ(3, connect_from(kAnn)) << "the template has waited";
    EXPECT_EQ(kFiveMinutes, bed().plane().services().value().at(0).persistence);
}

TEST_P(Persistence, ATemplateSaysThatItsServerAnswers) {
    serve(kWeb);
    ASSERT_EQ(3, connect_from(kAnn));
    const auto state = [&] {
        const auto listed = bed().plane().connections().value();
        for (const auto& each : listed)
            if (each.client.port == 0) return each.state;
        return std::string();
    };
    EXPECT_EQ("NONE", state());

    (void)bed().send(hook(), Side::Inside, reply(kServers[2], 20000, kSyn | kAck));
    EXPECT_EQ("NONE", state());
    (void)bed().send(hook(), Side::Outside, request(20000, kAck));

    EXPECT_EQ("ASSURED", state());
    EXPECT_EQ(3, connect_from(kAnn));
}

TEST_P(Persistence, UdpClientsStayToo) {
    serve(kDns, kFiveMinutes, 53);

    const int server = server_of(bed().send(hook(), Side::Outside, question(20000)).frame);
    ASSERT_NE(0, server);
    (void)bed().send(hook(), Side::Inside, answer(kServers[server - 1], 20000));

    EXPECT_EQ(server, server_of(bed().send(hook(), Side::Outside, question(20001)).frame));
    EXPECT_EQ(server, server_of(bed().send(hook(), Side::Outside, question(20002)).frame));
    ASSERT_EQ(1u, templates().size());
    EXPECT_EQ(std::uint32_t{ISOBAR_STATE_ESTABLISHED}, templates()[0]->life & ISOBAR_LIFE_STATE);
}

// ---- services on all ports ----

TEST_P(Persistence, PortZeroServesAllPortsByOneTemplate) {
    serve(service(model::Protocol::Tcp, 0), kFiveMinutes, 0);

    EXPECT_EQ(3, connect_from(kAnn, 80));
    EXPECT_EQ(80, arrived_at);
    EXPECT_EQ(2, connect_from(kBob, 23));
    EXPECT_EQ(23, arrived_at);
    EXPECT_EQ(3, connect_from(kAnn, 23));
    EXPECT_EQ(2, connect_from(kBob, 443));
    EXPECT_EQ(443, arrived_at);

    EXPECT_EQ(2u, templates().size());
    const auto back = bed().send(hook(), Side::Inside, reply(kServers[2], 20000, kSyn | kAck, 80));
    EXPECT_STREQ("REPLIED", name(back.verdict));
}

TEST_P(Persistence, BehindPortZeroAServersOwnPortDoesNotCount) {
    const auto all = service(model::Protocol::Tcp, 0);
    serve(all, kFiveMinutes, 8080, 1);

    EXPECT_EQ(1, connect_from(kAnn, 80));
    EXPECT_EQ(80, arrived_at);
    const auto listed = bed().plane().services().value().at(0).servers.at(0).server.address;
    EXPECT_EQ(endpoint(kServers[0].address, 8080), listed);
}

TEST_P(Persistence, AServiceOnTheExactPortGoesBeforePortZero) {
    serve(service(model::Protocol::Tcp, 0), kFiveMinutes, 0);
    serve(kWeb, kFiveMinutes, 8080);

    EXPECT_EQ(3, connect_from(kAnn, 80));
    EXPECT_EQ(8080, arrived_at);
    EXPECT_EQ(3, connect_from(kAnn, 23));
    EXPECT_EQ(23, arrived_at);
    EXPECT_EQ(2u, templates().size());
}

TEST_P(Persistence, WithoutPortZeroOtherPortsAreNotServed) {
    serve(service(model::Protocol::Tcp, 0), kFiveMinutes, 0);
    ASSERT_EQ(3, connect_from(kAnn, 23));
    bed().apply({model::RemoveService{service(model::Protocol::Tcp, 0)}});
    serve(kWeb);
    const auto other = syn(kBob, 1000, 23);

    EXPECT_TRUE(passed(bed().send(hook(), Side::Outside, other), ISOBAR_NO_SERVICE, other));
}

TEST_P(Persistence, ServicesOnPortsHaveTemplatesOfTheirOwn) {
    serve(kWeb);
    serve(service(model::Protocol::Tcp, 23), kFiveMinutes, 23);
    bed().apply({model::RemoveServer{kWeb, endpoint(kServers[2].address, 80)}});

    EXPECT_EQ(2, connect_from(kAnn, 80));
    EXPECT_EQ(3, connect_from(kAnn, 23));
    EXPECT_EQ(2, connect_from(kAnn, 80));
    EXPECT_EQ(3, connect_from(kAnn, 23));
    EXPECT_EQ(2u, templates().size());
}

TEST_F(Datapath, PersistenceThatCannotBeIsRefused) {
    const auto refusal = [&](const model::ServiceKey& key,
                             std::optional<model::Persistence> persistence) {
        const model::Change change = model::AddService{.key = key, .persistence = persistence};
        const auto done = bed().plane().apply(std::span(&change, 1));
        return done ? Fault{} : done.error().fault;
    };
    EXPECT_EQ(Fault::Invalid, refusal(service(model::Protocol::Tcp, 0), {}));
    EXPECT_EQ(Fault::OutOfRange, refusal(kWeb, model::Persistence{seconds(0), 32}));
    EXPECT_EQ(Fault::OutOfRange, refusal(kWeb, model::Persistence{seconds(2678401), 32}));
    EXPECT_EQ(Fault::OutOfRange, refusal(kWeb, model::Persistence{seconds(300), 33}));
}

// ---- a full table ----

TEST_P(Persistence, ANewClientThatFindsNoRoomForItsTemplateIsDroppedByName) {
    serve(kWeb);
    V4 client = v4(10, 1, 0, 0);

    while (bed().count(ISOBAR_TEMPLATE_FULL) == 0 && client < v4(10, 1, 40, 0)) {
        const auto first = syn(client++, 1000);
        (void)bed().run(hook(), Side::Outside, first);
    }

    ASSERT_EQ(1u, bed().count(ISOBAR_TEMPLATE_FULL));
    EXPECT_EQ(flows().size(), controlled());
    EXPECT_EQ(flows().size() + templates().size(), counted());
    EXPECT_EQ(flows().size() + templates().size(), bed().plane().capacity().value().used);
}

TEST_P(Persistence, AConnectionThatFindsNoRoomLeavesItsTemplateFree) {
    serve(kWeb, {seconds(300), 0});
    std::uint16_t port = 1024;

    while (bed().count(ISOBAR_TABLE_FULL) < 3 && port < 20000) {
        (void)bed().run(hook(), Side::Outside, syn(kAnn, port++));
        for (auto* flow : flows())
            flow->life = (flow->life & ~ISOBAR_LIFE_STATE) | ISOBAR_STATE_ESTABLISHED;
    }

    ASSERT_EQ(3u, bed().count(ISOBAR_TABLE_FULL));
    ASSERT_EQ(1u, templates().size());
    EXPECT_EQ(flows().size(), templates()[0]->controlled);
}

TEST_P(Persistence, OneClientMayHaveTemplatesOfManyServices) {
    make({.connections = 8192});
    for (model::Port port = 1000; port < 1100; ++port)
        serve(service(model::Protocol::Tcp, port), kFiveMinutes, port, 1);

    for (model::Port port = 1000; port < 1100; ++port) ASSERT_EQ(1, connect_from(kAnn, port));
    for (model::Port port = 1000; port < 1100; ++port) ASSERT_EQ(1, connect_from(kAnn, port));

    EXPECT_EQ(100u, templates().size());
}

// ---- several CPUs ----

// Few clients and short lives: templates are made, found, prolonged and ended all the time.
TEST_P(Persistence, ThreadsLeaveNothingBehind) {
    make({.connections = 8192});
    serve(kWeb, {seconds(1), 32});
    ASSERT_TRUE(bed().plane().set_switches({.expire_quiescent_template = 1}));
    std::atomic<int> working = 4;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 500; ++i) {
                const auto client = kAnn + static_cast<V4>(i % 3);
                const auto port = static_cast<std::uint16_t>(10000 + thread * 500 + i);
                (void)bed().run(hook(), Side::Outside, syn(client, port));
                if (i % 50 == 0)
                    for (auto& conn : bed().conns())
                        if (conn.life & ISOBAR_LIFE_KEPT) conn.expires = bed().jiffies() - 1;
            }
            --working;
        });
    while (working > 0) {
        set_weight(3, 0);
        set_weight(3, 1);
    }
    for (auto& thread : threads) thread.join();

    EXPECT_EQ(flows().size(), controlled());
    EXPECT_EQ(flows().size() + templates().size(), counted());
    for (auto* conn : flows()) let_time_run_out(*conn);
    sweep();
    for (auto* conn : templates()) let_time_run_out(*conn);
    sweep();
    EXPECT_EQ(0u, controlled());
    EXPECT_EQ(0u, counted());
    EXPECT_EQ(0u, bed().tags_in_use());
}

// ---- connections of removed servers ----

TEST_P(Persistence, ConnectionsToARemovedServerEndIfSoConfigured) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1, 1}, 80);
    ASSERT_TRUE(bed().plane().set_switches({.expire_nodest_conn = 1}));
    ASSERT_EQ(2, connect(40000, hook()));
    bed().apply({model::RemoveServer{kWeb, endpoint(kServers[1].address, 80)}});
    const auto ack = request(40000, kAck);

    EXPECT_TRUE(passed(bed().send(hook(), Side::Outside, ack), ISOBAR_NO_CONNECTION, ack));

    EXPECT_EQ(0u, counted());
    EXPECT_EQ(1, connect(40000, hook()));
}

}  // namespace
}  // namespace isobar::test
