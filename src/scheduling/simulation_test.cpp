// SPDX-License-Identifier: Apache-2.0
#include "scheduling/simulation.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "scheduling/arrivals.h"

namespace isobar::scheduling {
namespace {

using model::Scheduler;

model::VirtualService service(Scheduler scheduler, const std::vector<model::Weight>& weights) {
    model::VirtualService service;
    service.key = {model::Protocol::Tcp, *model::Endpoint::parse("10.0.0.2:80")};
    service.scheduler = scheduler;
    int number = 1;
    for (const auto weight : weights) {
        model::RealServer server;
        server.address = *model::Endpoint::parse("192.168.10." + std::to_string(number++) + ":80");
        server.weight = weight;
        service.servers.push_back(server);
    }
    return service;
}

// All begin at once and stay.
std::vector<Arrival> staying(std::size_t count) {
    std::vector<Arrival> all(count);
    for (std::size_t i = 0; i < count; ++i) {
        all[i].client = *model::Endpoint::parse("10.0.0.9:1");
        all[i].client.port = static_cast<model::Port>(1024 + i);
    }
    return all;
}

// The servers of the first connections, counted from 1: "3 2 1".
std::string sequence(Scheduler scheduler, const std::vector<model::Weight>& weights,
                     std::size_t count) {
    std::string text;
    std::vector<std::uint64_t> before(weights.size());
    for (std::size_t length = 1; length <= count; ++length) {
        const auto all = staying(length);
        const auto result = simulate(service(scheduler, weights), recorded(all), 1);
        std::string next = "-";
        for (std::size_t i = 0; i < weights.size(); ++i) {
            if (result.servers[i].connections != before[i]) next = std::to_string(i + 1);
            before[i] = result.servers[i].connections;
        }
        text += (text.empty() ? "" : " ") + next;
    }
    return text;
}

TEST(Simulation, ChoosesAsTheDataPlane) {
    // As in tests/datapath/schedulers_test.cpp.
    EXPECT_EQ("3 2 1 3 2 1", sequence(Scheduler::Rr, {1, 2, 3}, 6));
    EXPECT_EQ("3 3 2 3 2 1 3 3 2", sequence(Scheduler::Wrr, {1, 2, 3}, 9))
        << "from its first round";
    EXPECT_EQ("3 2 1 3 2 3 3 2 1", sequence(Scheduler::Wlc, {1, 2, 3}, 9));
    EXPECT_EQ("3 2 1 3 2 1", sequence(Scheduler::Lc, {1, 2, 3}, 6));
    EXPECT_EQ("3 2 3 3 2 1", sequence(Scheduler::Sed, {1, 2, 3}, 6));
    EXPECT_EQ("3 2 1 3 3 2 3 2 3", sequence(Scheduler::Nq, {1, 2, 3}, 9));
    EXPECT_EQ("3 3 3", sequence(Scheduler::Fo, {1, 2, 3}, 3));
    EXPECT_EQ("3 3 3 3 2 2 2 1 1 -", sequence(Scheduler::Ovf, {1, 2, 3}, 10));
    EXPECT_EQ("3 3 3 3 2 2 2 1 1 1", sequence(Scheduler::Lblc, {1, 2, 3}, 10));
    EXPECT_EQ("3 3 3 3 2 2 2 1 1 3 2 3", sequence(Scheduler::Lblcr, {1, 2, 3}, 12));
    EXPECT_EQ("- -", sequence(Scheduler::Wlc, {0, 0}, 2));
}

TEST(Simulation, ComparesLargeSetsWithoutRanks) {
    const auto all = staying(2000);
    const auto result =
        simulate(service(Scheduler::Wlc, std::vector<model::Weight>(100, 1)), recorded(all), 1);
    for (const ServerShare& each : result.servers) EXPECT_EQ(20U, each.connections);
}

TEST(Simulation, CountsPeakAndMeanOfThoseThatAreOpen) {
    const auto client = *model::Endpoint::parse("10.0.0.9:1");
    const std::vector<Arrival> all{{0, 4, client}, {1, 3, client}, {8, 10, client}};

    const auto result = simulate(service(Scheduler::Rr, {1}), recorded(all), 1, 10);

    EXPECT_EQ(3U, result.servers[0].connections);
    EXPECT_EQ(2U, result.servers[0].peak);
    EXPECT_DOUBLE_EQ((4 + 2 + 2) / 10.0, result.servers[0].mean);
    EXPECT_DOUBLE_EQ(10, result.length);
    EXPECT_DOUBLE_EQ(1, result.servers[0].share);
}

TEST(Simulation, RemembersClosedConnectionsAsInactive) {
    // Server 2 has the first one; while that is remembered, server 1 has less load.
    const auto client = *model::Endpoint::parse("10.0.0.9:1");
    const auto second_at = [&](Moment moment) {
        const std::vector<Arrival> all{{0, 1, client}, {moment, kNever, client}};
        return simulate(service(Scheduler::Wlc, {1, 1}), recorded(all), 1).servers[0].connections;
    };
    EXPECT_EQ(1U, second_at(100));
    EXPECT_EQ(0U, second_at(122)) << "TIME_WAIT is over";
}

TEST(Simulation, KeepsClientsOfAPersistentServiceWithTheirServer) {
    auto persistent = service(Scheduler::Rr, {1, 1});
    persistent.persistence = model::Persistence{std::chrono::seconds(300), 24};
    const auto one = *model::Endpoint::parse("10.0.0.9:1"),
               near = *model::Endpoint::parse("10.0.0.8:1"),
               far = *model::Endpoint::parse("10.0.1.9:1");

    const std::vector<Arrival> all{
        {0, 1, one}, {2, 3, near}, {4, 5, far}, {299, 300, one}, {450, 451, one}};
    const auto result = simulate(persistent, recorded(all), 1);
    EXPECT_EQ(1U, result.servers[0].connections);
    EXPECT_EQ(4U, result.servers[1].connections) << "each connection renews the template";

    const std::vector<Arrival> late{{0, 1, one}, {301, 302, one}};
    EXPECT_EQ(1U, simulate(persistent, recorded(late), 1).servers[0].connections)
        << "then it is over";
    const std::vector<Arrival> held{{0, 400, one}, {301, 302, one}};
    EXPECT_EQ(0U, simulate(persistent, recorded(held), 1).servers[0].connections)
        << "a connection holds it";
}

TEST(Simulation, LeavesOverloadedServersAlone) {
    auto limited = service(Scheduler::Rr, {1, 1});
    limited.servers[1].upper_threshold = 3;
    const auto all = staying(10);
    const auto result = simulate(limited, recorded(all), 1);
    EXPECT_EQ(3U, result.servers[1].connections);
    EXPECT_EQ(7U, result.servers[0].connections);

    limited.servers[0].upper_threshold = 4;
    EXPECT_EQ(3U, simulate(limited, recorded(all), 1).refused);
}

TEST(Simulation, OfUdpHasNoActiveConnections) {
    auto udp = service(Scheduler::Sed, {1, 1});
    udp.key.protocol = model::Protocol::Udp;
    const auto all = staying(4);
    const auto result = simulate(udp, recorded(all), 1);
    EXPECT_EQ(4U, result.servers[1].connections) << "sed looks at active ones only";
    EXPECT_EQ(4U, result.servers[1].peak) << "open they are all the same";
}

TEST(Simulation, IsTheSameForTheSameSeed) {
    const auto twos = service(Scheduler::Twos, {1, 2, 3});
    const auto run = [&](std::uint64_t seed) {
        return simulate(twos, generated({}, seed), seed, 60);
    };
    EXPECT_EQ(run(1), run(1));
    EXPECT_NE(run(1), run(2));
}

TEST(Simulation, SharesFollowWeights) {
    for (const auto scheduler : {Scheduler::Wrr, Scheduler::Wlc}) {
        const auto result = simulate(service(scheduler, {1, 3}), generated({}, 1), 1, 60);
        EXPECT_NEAR(0.25, result.servers[0].share, 0.02) << name(scheduler);
        EXPECT_DOUBLE_EQ(0.25, result.servers[0].wanted);
        EXPECT_NEAR(6000, static_cast<double>(result.connections), 300);
        // Little's law: 100 a second, 5 s each, less what the beginning lacks
        EXPECT_NEAR(500 * (1 - 5.0 / 60), result.servers[0].mean + result.servers[1].mean, 40);
    }
}

TEST(Simulation, SaysWhatItCannot) {
    EXPECT_EQ("", cannot_simulate(service(Scheduler::Wlc, {1})));
    EXPECT_NE("", cannot_simulate(service(Scheduler::Lrt, {1})));
    auto calls = service(Scheduler::Rr, {1});
    calls.engine = model::PersistenceEngine::Sip;
    EXPECT_NE("", cannot_simulate(calls));
}

}  // namespace
}  // namespace isobar::scheduling
