// SPDX-License-Identifier: Apache-2.0
// Large sets, where the data plane keeps the least loaded server at hand instead of looking for it:
// it must be the very server that looking at all of them would have found.
#include <arpa/inet.h>

#include <algorithm>
#include <random>
#include <thread>

#include "fixture.h"

namespace isobar::test {
namespace {

using model::Scheduler;

constexpr std::uint16_t kFirstPort = 9000;

// Servers are told apart by their port.
model::RealServer numbered(std::uint16_t number, model::Weight weight, std::uint32_t upper = 0) {
    model::RealServer server{
        endpoint(kServers[0].address, static_cast<std::uint16_t>(kFirstPort + number)), weight};
    server.upper_threshold = upper;
    return server;
}

class Ranks : public DatapathOnHook {
protected:
    void SetUp() override { make({.connections = 8192, .servers = 1024}); }

    // The server that IPVS would choose, by its port; 0: none. It looks at all of them, the newest
    // first.
    [[nodiscard]] std::uint16_t best(Scheduler scheduler) {
        const auto services = bed().maps().services();
        const auto sets = bed().maps().sets();
        const auto set = std::find_if(services.begin(), services.end(), [](const auto& s) {
                             return s.in_use;
                         })->set;
        std::uint16_t winner = 0;
        std::uint64_t least = 0;
        std::uint64_t of_weight = 0;
        for (std::uint32_t i = 1; i <= sets[set].head.count; ++i) {
            const auto& member = sets[set + i].member;
            const auto& server = bed().maps().servers()[member.server];
            if (member.weight == 0 || server.overloaded) continue;
            const auto port = ntohs(server.port);
            if (scheduler == Scheduler::Nq && server.active == 0) return port;
            const bool expected = scheduler == Scheduler::Sed || scheduler == Scheduler::Nq;
            const std::uint64_t load =
                expected ? server.active + 1ull : server.active * 256ull + server.inactive;
            const std::uint64_t weight = scheduler == Scheduler::Lc ? 1 : member.weight;
            if (winner != 0 && least * weight <= load * of_weight) continue;
            winner = port;
            least = load;
            of_weight = weight;
        }
        return winner;
    }
    // The same for the next connection in fact.
    std::uint16_t chosen() {
        const auto outcome = bed().send(hook(), Side::Outside, request(port_++, kSyn));
        return outcome.verdict == ISOBAR_FORWARDED ? get16(outcome.frame, kL4At + 2) : 0;
    }
    void serve(Scheduler scheduler, const std::vector<model::RealServer>& servers) {
        std::vector<model::Change> changes{model::AddService{kWeb, scheduler}};
        for (const auto& server : servers) changes.emplace_back(model::AddServer{kWeb, server});
        bed().apply(changes);
    }
    void end_connection(std::size_t number) {
        const auto all = bed().connections();
        if (all.empty()) return;
        all[number % all.size()]->expires = bed().jiffies() - 1;
        (void)bed().plane().connections();  // sweeps
    }
    std::uint16_t port_ = 20000;
};
ISOBAR_ON_BOTH_HOOKS(Ranks);

// Connections begin, become inactive and end; servers get overloaded, weights change.
TEST_P(Ranks, TheServerIsTheOneThatLookingAtAllWouldFind) {
    for (const auto scheduler : {Scheduler::Lc, Scheduler::Wlc, Scheduler::Sed, Scheduler::Nq}) {
        for (const auto count : std::initializer_list<std::uint16_t>{17, 40, 300}) {
            SCOPED_TRACE(std::to_string(static_cast<int>(scheduler)) + ", " +
                         std::to_string(count) + " servers");
            std::mt19937 random(count);
            std::vector<model::RealServer> servers;
            for (std::uint16_t i = 0; i < count; ++i)
                servers.push_back(numbered(i, random() % 4, random() % 5 == 0 ? 2 : 0));
            serve(scheduler, servers);

            for (int step = 0; step < 3 * count; ++step) {
                const auto wanted = best(scheduler);
                ASSERT_NE(0, wanted);
                ASSERT_EQ(wanted, chosen()) << "step " << step;
                if (step % 5 == 0)  // active -> inactive
                    (void)bed().run(hook(), Side::Outside,
                                    request(static_cast<std::uint16_t>(port_ - 1), kRst));
                if (step % 7 == 0) end_connection(random());
                if (step % 50 == 49) {
                    auto& server = servers[random() % count];
                    server.weight = random() % 4;
                    bed().apply({model::EditServer{kWeb, server}});
                }
            }
            bed().apply({model::RemoveService{kWeb}});
            for (auto* conn : bed().connections()) conn->expires = bed().jiffies() - 1;
            (void)bed().plane().services();  // sweeps
        }
    }
}

// Then the next one follows from the last, until a load falls, or the servers are others.
TEST_P(Ranks, AsLongAsLoadsOnlyGrowTheServerIsTheSameThatLookingAtAllWouldFind) {
    for (const auto scheduler : {Scheduler::Lc, Scheduler::Wlc, Scheduler::Sed, Scheduler::Nq}) {
        for (const model::Weight most : {1, 3}) {
            SCOPED_TRACE(std::to_string(static_cast<int>(scheduler)) + ", weights to " +
                         std::to_string(most));
            std::vector<model::RealServer> servers;
            for (std::uint16_t i = 0; i < 100; ++i)
                servers.push_back(numbered(i, 1 + i % most, i % 7 == 0 ? 5 : 0));
            serve(scheduler, servers);
            for (int step = 0; step < 400; ++step) {
                if (step % 90 == 89) end_connection(static_cast<std::size_t>(step) * 7);
                if (step == 250) {
                    servers[50].weight = 9;
                    bed().apply({model::EditServer{kWeb, servers[50]}});
                }
                const auto wanted = best(scheduler);
                ASSERT_EQ(wanted, chosen()) << "step " << step;
            }
            bed().apply({model::RemoveService{kWeb}});
            for (auto* conn : bed().connections()) conn->expires = bed().jiffies() - 1;
            (void)bed().plane().services();  // sweeps
        }
    }
}

TEST_P(Ranks, ASetOfTwoLevelsIsSearchedToItsLastServer) {
    std::vector<model::RealServer> servers;
    for (std::uint16_t i = 0; i < 1000; ++i) servers.push_back(numbered(i, i == 0 ? 1 : 0));
    serve(Scheduler::Wlc, servers);
    EXPECT_EQ(kFirstPort, chosen());

    bed().apply({model::EditServer{kWeb, numbered(0, 0)}});
    EXPECT_EQ(0, chosen());
    bed().apply({model::EditServer{kWeb, numbered(999, 1)}});
    EXPECT_EQ(kFirstPort + 999, chosen());
}

TEST_P(Ranks, NobodyIsChosenWhenAllAreOverloadedAndSomebodyWhenOneIsNotAnyMore) {
    std::vector<model::RealServer> servers;
    for (std::uint16_t i = 0; i < 20; ++i) servers.push_back(numbered(i, 1, 1));
    serve(Scheduler::Wlc, servers);
    for (int i = 0; i < 20; ++i) ASSERT_NE(0, chosen());
    ASSERT_EQ(0, chosen());

    end_connection(7);
    EXPECT_NE(0, chosen());
    EXPECT_EQ(0, chosen());
}

// While CPUs race a choice may be a little old; afterwards nothing of that is left.
TEST_P(Ranks, AreRightAgainAfterSeveralCpusChangedThem) {
    constexpr std::uint16_t kCount = 300;
    constexpr int kThreads = 4;
    constexpr std::uint16_t kFlows = 600;
    std::vector<model::RealServer> servers;
    for (std::uint16_t i = 0; i < kCount; ++i) servers.push_back(numbered(i, 1));
    serve(Scheduler::Wlc, servers);

    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread)
        threads.emplace_back([&, thread] {
            for (std::uint16_t i = 0; i < kFlows; ++i) {
                const auto port = static_cast<std::uint16_t>(30000 + thread * kFlows + i);
                (void)bed().run(hook(), Side::Outside, request(port, kSyn));
                if (i % 3 == 0) (void)bed().run(hook(), Side::Outside, request(port, kRst));
            }
        });
    for (auto& thread : threads) thread.join();

    EXPECT_EQ(0u, bed().count(ISOBAR_NO_SERVER));  // not even while nobody had looked yet
    std::uint32_t most = 0;
    for (const auto& member : bed().maps().servers().first(kCount))
        most = std::max(most, member.active + member.inactive);
    EXPECT_LE(most, 2u * kThreads * kFlows / kCount);
    for (int i = 0; i < 2 * kCount; ++i) {
        const auto wanted = best(Scheduler::Wlc);
        ASSERT_EQ(wanted, chosen()) << i;
    }
}

}  // namespace
}  // namespace isobar::test
