// SPDX-License-Identifier: Apache-2.0
// What is foretold of a packet, and what then becomes of it: they are the same.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "dataplane/decision.h"
#include "fixture6.h"
#include "model/decision.h"
#include "scheduling/arrivals.h"
#include "scheduling/simulation.h"

namespace isobar::test {
namespace {

using model::Scheduler;
using std::chrono::seconds;
using Weights = std::vector<model::Weight>;

class Decisions : public DatapathOnHook {
protected:
    static model::Question of(std::uint16_t client_port, model::Port port = 80,
                              V4 client = kClient.address) {
        return {model::Protocol::Tcp, endpoint(client, client_port), endpoint(kVip, port)};
    }
    model::Decision decide(const model::Question& question) {
        auto decision = bed().plane().decide(question, bed().jiffies());
        EXPECT_TRUE(decision) << decision.error().message;
        return decision ? *decision : model::Decision{};
    }
    // Servers of kServers by number; 0: none.
    static int number_of(const std::optional<model::Endpoint>& server) {
        for (int i = 0; server && i < 3; ++i)
            if (server->address == endpoint(kServers[i].address, 0).address) return i + 1;
        return 0;
    }
    Outcome syn(V4 client, std::uint16_t client_port, std::uint16_t port = 80) {
        return bed().send(hook(), Side::Outside,
                          arriving(kClient, packet(Ip{.source = client, .destination = kVip},
                                                   Tcp{client_port, port, kSyn})));
    }
    // So many connections of several clients, each foretold before it is made, with servers that
    // become busy and idle; how many were right.
    int right_of(int connections) {
        int right = 0;
        for (int i = 0; i < connections; ++i) {
            const V4 client = kClient.address + static_cast<V4>(i % 7);
            const auto port = static_cast<std::uint16_t>(20000 + i);
            const auto decision = decide(of(port, 80, client));
            const Outcome outcome = syn(client, port);
            const bool taken = outcome.verdict == ISOBAR_FORWARDED;
            const int server = taken ? server_of(outcome.frame) : 0;
            if (number_of(decision.goes_to) == server &&
                decision.verdict == (taken ? "forwarded" : "no_server"))
                ++right;
            else
                ADD_FAILURE() << i << ": foretold " << number_of(decision.goes_to) << ' '
                              << decision.verdict << ", got " << server;
            // lrt goes by time, too, as long as a server has not answered
            for (const Host& host : kServers) bed().server(host).response.since = 0;
            if (i % 5 == 0) ++bed().server(kServers[i % 3]).inactive;
            if (i % 11 == 0) bed().server(kServers[i % 3]).active += 3;
        }
        return right;
    }
};
ISOBAR_ON_BOTH_HOOKS(Decisions);

TEST_P(Decisions, AreRightForEachSchedulerButTwos) {
    const struct {
        Scheduler scheduler;
        model::SchedulerFlags flags;
        Weights weights;
    } cases[] = {
        {Scheduler::Rr, {}, {1, 2, 3}},       {Scheduler::Rr, {}, {1, 0, 3}},
        {Scheduler::Wrr, {}, {1, 2, 3}},      {Scheduler::Wrr, {}, {7, 3, 2}},
        {Scheduler::Lc, {}, {1, 2, 3}},       {Scheduler::Wlc, {}, {1, 2, 3}},
        {Scheduler::Sed, {}, {1, 2, 3}},      {Scheduler::Nq, {}, {1, 2, 3}},
        {Scheduler::Fo, {}, {1, 2, 3}},       {Scheduler::Ovf, {}, {20, 40, 60}},
        {Scheduler::Dh, {}, {1, 2, 3}},       {Scheduler::Sh, {}, {1, 2, 3}},
        {Scheduler::Sh, {3}, {1, 0, 3}},      {Scheduler::Mh, {}, {1, 2, 3}},
        {Scheduler::Mh, {3}, {1, 0, 3}},      {Scheduler::Lblc, {}, {10, 20, 30}},
        {Scheduler::Lblcr, {}, {10, 20, 30}}, {Scheduler::Lrt, {}, {1, 2, 3}},
        {Scheduler::Wlc, {}, {0, 0, 0}},      {Scheduler::Sh, {}, {0, 0, 0}},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(model::name(c.scheduler));
        std::vector<model::Change> changes{model::AddService{kWeb, c.scheduler, c.flags}};
        for (std::size_t i = 0; i < c.weights.size(); ++i)
            changes.emplace_back(
                model::AddServer{kWeb, {endpoint(kServers[i].address, 80), c.weights[i]}});
        bed().apply(changes);

        EXPECT_EQ(200, right_of(200));

        bed().apply({model::RemoveService{kWeb}});
        bed().end_all();
    }
}

TEST_P(Decisions, AreRightForLargeSets) {
    constexpr std::uint16_t kServersOfSet = 40, kFirstPort = 9000;  // those have ranks
    for (const auto scheduler : {Scheduler::Lc, Scheduler::Wlc, Scheduler::Sed, Scheduler::Nq,
                                 Scheduler::Wrr, Scheduler::Lblcr}) {
        SCOPED_TRACE(model::name(scheduler));
        std::vector<model::Change> changes{model::AddService{kWeb, scheduler}};
        for (std::uint16_t i = 0; i < kServersOfSet; ++i)
            changes.emplace_back(model::AddServer{
                kWeb,
                {.address = endpoint(kServers[0].address, static_cast<model::Port>(kFirstPort + i)),
                 .weight = i % 5U,
                 .upper_threshold = i % 7 == 0 ? 4U : 0U}});
        bed().apply(changes);
        for (std::uint16_t i = 0; i < 200; ++i) {
            const auto port = static_cast<std::uint16_t>(20000 + i);
            const auto foretold = decide(of(port)).goes_to;
            const Outcome outcome = syn(kClient.address, port);
            ASSERT_EQ(ISOBAR_FORWARDED, outcome.verdict);
            ASSERT_TRUE(foretold) << i;
            ASSERT_EQ(foretold->port, get16(outcome.frame, kL4At + 2)) << i;
        }
        bed().apply({model::RemoveService{kWeb}});
        bed().end_all();
    }
}

TEST_P(Decisions, DisturbNothing) {
    for (const auto scheduler : {Scheduler::Wrr, Scheduler::Lblc, Scheduler::Lrt}) {
        SCOPED_TRACE(model::name(scheduler));
        bed().add_service(kWeb, scheduler, {1, 2, 3}, 80);
        std::vector<model::Endpoint> foretold;
        for (int i = 0; i < 5; ++i) foretold.push_back(decide(of(40000)).goes_to.value());

        EXPECT_EQ(std::vector(5, foretold[0]), foretold) << "no turn was taken";
        EXPECT_TRUE(bed().connections().empty());
        EXPECT_TRUE(std::ranges::all_of(bed().maps().caches(), [](const auto& each) {
            return each.cache == 0;
        })) << "nothing was remembered";
        EXPECT_EQ(0, bed().server(kServers[0]).response.asked);
        bed().apply({model::RemoveService{kWeb}});
    }
}

TEST_P(Decisions, TellWhyEachServerIsNotChosen) {
    bed().apply({model::AddService{kWeb, Scheduler::Wlc},
                 model::AddServer{kWeb, {endpoint(kServers[0].address, 80), 0}},
                 model::AddServer{
                     kWeb, {.address = endpoint(kServers[1].address, 80), .upper_threshold = 2}},
                 model::AddServer{kWeb, {endpoint(kServers[2].address, 80), 2}}});
    bed().server(kServers[1]).active = 2;
    bed().server(kServers[1]).overloaded = 1;
    bed().server(kServers[2]).active = 3;

    const auto decision = decide(of(40000));

    ASSERT_TRUE(decision.choice);
    EXPECT_EQ("forwarded", decision.verdict);
    EXPECT_EQ("its address and port", decision.service.value().found_by);
    EXPECT_EQ("none", decision.connection ? "some" : "none");
    EXPECT_EQ(3, number_of(decision.choice->server));
    EXPECT_EQ("the least load (256 times active connections, and inactive ones) / weight",
              decision.choice->why);
    const auto& all = decision.choice->candidates;
    ASSERT_EQ(3U, all.size());
    EXPECT_EQ("", all[0].why_not) << "newest first";
    EXPECT_EQ("load 768 / 2 = 384", all[0].measure);
    EXPECT_EQ("overloaded: 2 connections, threshold 2", all[1].why_not);
    EXPECT_EQ("weight 0: no new connections", all[2].why_not);
}

TEST_P(Decisions, TellWhyAPacketIsRefused) {
    EXPECT_EQ("not_ours", decide(of(40000)).verdict);

    bed().add_service(kWeb, Scheduler::Wlc, {0, 0}, 80);
    EXPECT_EQ("no_service", decide(of(40000, 81)).verdict);
    const auto quiesced = decide(of(40000));
    EXPECT_EQ("no_server", quiesced.verdict);
    EXPECT_EQ("all weights are 0", quiesced.choice.value().why);
    EXPECT_FALSE(quiesced.goes_to);
    EXPECT_EQ("no_connection", decide(of(20)).verdict) << "FTP's data never begins one";

    bed().apply({model::RemoveService{kWeb}});
    bed().add_service(kWeb, Scheduler::Ovf, {1}, 80);
    bed().server(kServers[0]).active = 2;
    const auto busy = decide(of(40000));
    EXPECT_EQ("no_server", busy.verdict);
    EXPECT_EQ("each has more active connections than its weight", busy.choice.value().why);
}

TEST_P(Decisions, TellThatTheConnectionIsKnown) {
    bed().add_service(kWeb, Scheduler::Rr, {1, 1}, 80);
    const int server = connect(40000, hook());
    ASSERT_NE(0, server);

    const auto known = decide(of(40000));
    ASSERT_TRUE(known.connection);
    EXPECT_EQ("SYN_RECV", known.connection->state);
    EXPECT_EQ(server, number_of(known.connection->server));
    EXPECT_EQ(server, number_of(known.goes_to));
    EXPECT_FALSE(known.connection->from_server);
    EXPECT_FALSE(known.service) << "nobody looks for it";
    EXPECT_FALSE(known.choice);

    const model::Question reply{model::Protocol::Tcp, known.connection->server,
                                endpoint(kClient.address, 40000)};
    const auto back = decide(reply);
    ASSERT_TRUE(back.connection);
    EXPECT_TRUE(back.connection->from_server);
    EXPECT_EQ("replied", back.verdict);
    EXPECT_EQ(endpoint(kClient.address, 40000), back.goes_to.value());
    EXPECT_EQ("outside", back.next_hop.value().interface);

    bed().apply({model::RemoveServer{kWeb, known.connection->server}});
    EXPECT_EQ("server_removed", decide(of(40000)).verdict);
}

TEST_P(Decisions, TellThatAClosedConnectionGivesWay) {
    bed().add_service(kWeb, Scheduler::Rr, {1, 1}, 80);
    const int server = connect(40000, hook());
    bed().connections().at(0)->life = ISOBAR_LIFE_LIVE | ISOBAR_STATE_TIME_WAIT;

    const auto decision = decide(of(40000));

    ASSERT_TRUE(decision.connection);
    EXPECT_EQ("it is closed, and a new one may have its ports (conn_reuse_mode)",
              decision.connection->over);
    ASSERT_TRUE(decision.choice);
    EXPECT_NE(server, number_of(decision.goes_to)) << "it is the other one's turn";
    EXPECT_EQ(connect(40000, hook()), number_of(decision.goes_to));

    bed().connections().at(0)->expires = bed().jiffies() - 1;
    EXPECT_EQ("its time is over", decide(of(40000)).connection.value().over);
}

TEST_P(Decisions, TellTheTemplateOfAClient) {
    bed().apply({model::AddService{.key = kWeb,
                                   .scheduler = Scheduler::Rr,
                                   .persistence = model::Persistence{seconds(300), 24}},
                 model::AddServer{kWeb, {endpoint(kServers[0].address, 80), 1}},
                 model::AddServer{kWeb, {endpoint(kServers[1].address, 80), 1}}});
    const auto first = decide(of(40000));
    EXPECT_FALSE(first.known_template);
    ASSERT_TRUE(first.choice);
    const int server = connect(40000, hook());
    EXPECT_EQ(server, number_of(first.goes_to));

    const auto next = decide(of(40001, 80, kClient.address + 7));

    ASSERT_TRUE(next.known_template) << "of its network";
    EXPECT_EQ(server, number_of(next.known_template->server));
    EXPECT_NEAR(300, static_cast<double>(next.known_template->expires.count()), 2);
    EXPECT_EQ(1U, next.known_template->connections);
    EXPECT_FALSE(next.choice) << "no scheduler is asked";
    EXPECT_EQ(server, number_of(next.goes_to));
    EXPECT_EQ("template", decide(of(40000)).connection.value().controlled_by);
}

TEST_P(Decisions, TellHowTheServiceIsFound) {
    const auto by_mark = model::ServiceKey::by_mark(7);
    auto all_ports = kWeb;
    all_ports.address.port = 0;
    bed().apply(
        {model::AddService{kWeb, Scheduler::Rr},
         model::AddService{
             .key = all_ports, .scheduler = Scheduler::Rr, .persistence = model::Persistence{}},
         model::AddServer{all_ports, {endpoint(kServers[1].address, 0), 1}},
         model::AddService{by_mark, Scheduler::Rr},
         model::AddServer{by_mark, {endpoint(kServers[0].address, 0), 1}}});

    auto question = of(40000, 8080);
    const auto all = decide(question);
    EXPECT_EQ(all_ports, all.service.value().key);
    EXPECT_EQ(endpoint(kServers[1].address, 8080), all.goes_to.value()) << "the client's choice";

    question.mark = 7;
    const auto marked = decide(question);
    EXPECT_EQ(by_mark, marked.service.value().key);
    EXPECT_EQ("mark 7", marked.service->found_by);
    EXPECT_EQ(endpoint(kServers[0].address, 8080), marked.goes_to.value());

    const model::MarkRule rule{.protocol = model::Protocol::Tcp,
                               .source = *model::Network::parse("0.0.0.0/0"),
                               .destination = *model::Network::parse("10.0.0.0/24"),
                               .first_port = 9000,
                               .last_port = 9010,
                               .mark = 7};
    ASSERT_TRUE(bed().plane().set_host_marks(std::vector{rule}));
    EXPECT_EQ("mark 7, by a rule of the host", decide(of(40000, 9005)).service.value().found_by);
    EXPECT_EQ(all_ports, decide(of(40000, 9011)).service.value().key);
}

TEST_P(Decisions, TellTheWay) {
    bed().apply({model::AddService{kWeb, Scheduler::Rr},
                 model::AddServer{kWeb,
                                  {.address = endpoint(kServers[0].address, 80),
                                   .method = model::ForwardingMethod::Tun}}});

    const auto decision = decide(of(40000));

    ASSERT_TRUE(decision.next_hop);
    EXPECT_EQ(model::ForwardingMethod::Tun, decision.method);
    EXPECT_EQ("inside", decision.next_hop->interface);
    EXPECT_TRUE(decision.next_hop->on_link);
    EXPECT_EQ("permanent", decision.next_hop->neighbour);
    EXPECT_EQ(1500U, decision.next_hop->mtu);
    EXPECT_EQ(20U, decision.next_hop->overhead);
    const Mac mac = kServers[0].mac();
    EXPECT_EQ(fmt::format("{:02x}", fmt::join(mac, ":")), decision.next_hop->mac);

    ip("route add unreachable 192.168.99.0/24");
    bed().apply({model::RemoveServer{kWeb, endpoint(kServers[0].address, 80)},
                 model::AddServer{kWeb, {endpoint(v4(192, 168, 99, 1), 80), 1}}});
    EXPECT_EQ("no_route", decide(of(40000)).verdict);
}

TEST_P(Decisions, DoNotForetellChance) {
    bed().add_service(kWeb, Scheduler::Twos, {1, 1}, 80);
    const auto drawn = decide(of(40000));
    EXPECT_FALSE(drawn.choice.value().certain);
    EXPECT_FALSE(drawn.goes_to);
    EXPECT_EQ("forwarded", drawn.verdict);

    bed().apply({model::RemoveService{kWeb}});
    bed().add_service(kWeb, Scheduler::Twos, {1, 0}, 80);
    EXPECT_EQ(1, number_of(decide(of(40000)).goes_to)) << "there is no other";
}

TEST_P(Decisions, OfASimulationAreThoseOfTheDataPlane) {
    make({.connections = 16384, .most_connections = 16384});  // no half-open one gives way
    for (const auto scheduler : {Scheduler::Rr, Scheduler::Wrr, Scheduler::Wlc, Scheduler::Sed,
                                 Scheduler::Sh, Scheduler::Mh, Scheduler::Lblcr}) {
        SCOPED_TRACE(model::name(scheduler));
        bed().add_service(kWeb, scheduler, {1, 2, 3}, 80);
        std::vector<std::uint64_t> real(3);
        std::vector<scheduling::Arrival> arrivals;
        for (std::uint16_t i = 0; i < 300; ++i) {
            const V4 client = kClient.address + i % 7U;
            const auto port = static_cast<std::uint16_t>(20000 + i);
            const int server = server_of(syn(client, port).frame);
            ASSERT_NE(0, server);
            ++real[static_cast<std::size_t>(server - 1)];
            arrivals.push_back({0, scheduling::kNever, endpoint(client, port)});
        }

        model::VirtualService service{kWeb, scheduler, {}};
        for (model::Weight weight : {1U, 2U, 3U})
            service.servers.push_back({endpoint(kServers[weight - 1].address, 80), weight});
        const auto simulated = scheduling::simulate(service, scheduling::recorded(arrivals), 1);

        for (std::size_t i = 0; i < 3; ++i)
            EXPECT_EQ(real[i], simulated.servers[i].connections) << "server " << i + 1;
        bed().apply({model::RemoveService{kWeb}});
        bed().end_all();
    }
}

TEST_P(Decisions, FindConnectionsWhereverTheyAre) {
    make({.connections = 1024, .most_connections = 65536});
    bed().add_service(kWeb, Scheduler::Rr, {1, 1, 1}, 80);
    std::vector<std::pair<std::uint16_t, int>> led;
    for (std::uint16_t port = 20000; port < 20800; ++port) {
        led.emplace_back(port, connect(port, hook()));
        if (port % 300 == 0) {
            ASSERT_TRUE(bed().growth().grow()) << "those stay where they are";
        }
    }
    // From one port to many services: neither line of its client has room for all.
    for (std::uint16_t i = 0; i < 45; ++i)
        bed().add_service(service(model::Protocol::Tcp, static_cast<model::Port>(1000 + i)),
                          Scheduler::Rr, {1}, static_cast<model::Port>(2000 + i));
    for (std::uint16_t i = 0; i < 45; ++i)
        ASSERT_EQ(ISOBAR_FORWARDED,
                  syn(kClient.address, 40000, static_cast<std::uint16_t>(1000 + i)).verdict);

    for (const auto& [port, server] : led) {
        const auto decision = decide(of(port));
        ASSERT_TRUE(decision.connection) << port;
        ASSERT_EQ(server, number_of(decision.goes_to)) << port;
        const auto back = decide(
            {model::Protocol::Tcp, decision.goes_to.value(), endpoint(kClient.address, port)});
        ASSERT_EQ("replied", back.verdict) << port;
    }
    for (std::uint16_t i = 0; i < 45; ++i) {
        const auto decision = decide(of(40000, static_cast<model::Port>(1000 + i)));
        ASSERT_TRUE(decision.connection) << i;
        EXPECT_EQ(2000 + i, decision.goes_to.value().port);
        EXPECT_EQ("replied", decide({model::Protocol::Tcp, decision.goes_to.value(),
                                     endpoint(kClient.address, 40000)})
                                 .verdict);
    }
    EXPECT_FALSE(decide(of(19999)).connection);
}

TEST_P(Decisions, FollowALocalPortOfFullNat) {
    const model::LocalPool pool{.addresses = {endpoint(kOwnInside, 0).address}};
    bed().apply({model::AddService{.key = kWeb, .scheduler = Scheduler::Rr, .local = pool},
                 model::AddServer{kWeb,
                                  {.address = endpoint(kServers[0].address, 8080),
                                   .method = model::ForwardingMethod::FullNat}}});
    const Outcome outcome = syn(kClient.address, 40000);
    ASSERT_EQ(ISOBAR_FORWARDED, outcome.verdict);
    const auto local = static_cast<model::Port>(get16(outcome.frame, kL4At));

    const auto back = decide(
        {model::Protocol::Tcp, endpoint(kServers[0].address, 8080), endpoint(kOwnInside, local)});

    ASSERT_TRUE(back.connection);
    EXPECT_EQ(model::ForwardingMethod::FullNat, back.method);
    EXPECT_EQ(endpoint(kClient.address, 40000), back.goes_to.value());
    EXPECT_EQ("replied", back.verdict);
}

class Decisions6 : public WithIpv6<DatapathOnHook> {};
ISOBAR_ON_BOTH_HOOKS(Decisions6);

TEST_P(Decisions6, AreRightAsWell) {
    for (const auto scheduler : {Scheduler::Sh, Scheduler::Mh, Scheduler::Wlc}) {
        SCOPED_TRACE(model::name(scheduler));
        add_service6(kWeb6, {1, 2, 3}, 8080, model::ForwardingMethod::Nat, scheduler);
        for (std::uint16_t i = 0; i < 50; ++i) {
            auto client = kClient6;
            client.bytes[14] = static_cast<std::uint8_t>(i % 5);
            const auto port = static_cast<model::Port>(20000 + i);
            const model::Question question{model::Protocol::Tcp, {client, port}, {kVip6, 80}};
            const auto foretold = bed().plane().decide(question, bed().jiffies()).value();
            const auto outcome =
                bed().send(hook(), Side::Outside,
                           arriving(kClient, packet(Ip6{client, kVip6}, Tcp{port, 80, kSyn})));
            ASSERT_EQ(ISOBAR_FORWARDED, outcome.verdict);

            const auto known = bed().plane().decide(question, bed().jiffies()).value();
            ASSERT_TRUE(known.connection);
            EXPECT_EQ(known.connection->server, foretold.goes_to) << i;
            const auto& went = known.connection->server.address.bytes;
            EXPECT_TRUE(std::equal(went.begin(), went.end(), outcome.frame.begin() + kIpAt + 24));
        }
        bed().apply({model::RemoveService{kWeb6}});
        bed().end_all();
    }
}

}  // namespace
}  // namespace isobar::test
