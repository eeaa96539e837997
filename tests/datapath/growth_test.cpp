// SPDX-License-Identifier: Apache-2.0
// The connection table grows while packets use it: whatever was there is found, and counted once.
#include <bpf/bpf.h>

#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include "dataplane/growth.h"
#include "fixture.h"

namespace isobar::test {
namespace {

constexpr std::uint32_t kFew = 1024;  // connections, in 128 lines of 15

class Growth : public DatapathOnHook {
protected:
    void SetUp() override { make({.connections = kFew, .most_connections = 64 * kFew}); }

    // Whatever it is like.
    void grow() { ASSERT_TRUE(bed().growth().grow()); }
    void look() {
        auto& settings = bed().maps().settings();
        settings.next_marking = bed().jiffies() - settings.hz;
        ASSERT_TRUE(bed().growth().look());
    }
    [[nodiscard]] std::uint32_t size() { return bed().plane().capacity().value().size; }
    [[nodiscard]] std::uint32_t used() { return bed().plane().capacity().value().used; }

    // Whom each client port was led to.
    std::map<std::uint16_t, int> open(std::uint16_t first, std::uint16_t count) {
        std::map<std::uint16_t, int> led;
        for (std::uint16_t i = 0; i < count; ++i) {
            const auto port = static_cast<std::uint16_t>(first + i);
            led[port] = connect(port, hook());
        }
        return led;
    }
    // In both directions, by VS/NAT.
    void expect_found(const std::map<std::uint16_t, int>& led) {
        for (const auto& [port, server] : led) {
            const auto there = bed().send(hook(), Side::Outside, request(port, kAck));
            ASSERT_STREQ("FORWARDED", name(there.verdict)) << port;
            ASSERT_EQ(server, server_of(there.frame)) << port;
            const auto& host = kServers[static_cast<std::size_t>(server - 1)];
            const auto back = bed().send(hook(), Side::Inside, reply(host, port, kAck));
            ASSERT_STREQ("REPLIED", name(back.verdict)) << port;
        }
    }
};
ISOBAR_ON_BOTH_HOOKS(Growth);

TEST_P(Growth, BeginsWhenTheTableIsHalfFullAndEndsAtItsLimit) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1, 1}, 80);
    EXPECT_EQ(kFew, size());
    std::uint16_t port = 1024;
    auto led = open(port, 800);  // of 1920 records
    look();
    EXPECT_EQ(kFew, size());

    for (port = 2024; size() == kFew && port < 3000; port += 50) {
        led.merge(open(port, 50));
        look();
    }
    EXPECT_EQ(kFew + 2 * kFew, size());
    EXPECT_GE(led.size(), 900u);
    EXPECT_LE(led.size(), 1050u);
    EXPECT_EQ(led.size(), used());

    ASSERT_TRUE(bed().plane().set_most_connections(2 * kFew));
    led.merge(open(20000, 2000));
    look();
    EXPECT_EQ(kFew + 2 * kFew, size());
    expect_found(led);
}

TEST_P(Growth, EveryConnectionIsFoundAtEveryStep) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1, 2, 3}, 80);
    auto led = open(1024, 900);  // half of it: none gives way to another
    for (int generation = 0; generation < 3; ++generation) {
        grow();  // not marked yet
        expect_found(led);
        led.merge(open(static_cast<std::uint16_t>(10000 + 1000 * generation), 300));
        look();  // marked
        expect_found(led);
        look();  // by the other mark
        expect_found(led);
    }
    EXPECT_EQ(led.size(), used());
    EXPECT_EQ(led.size(), bed().counted());
    EXPECT_EQ(0u, bed().count(ISOBAR_TABLE_FULL));

    bed().end_all();
    EXPECT_EQ(0u, bed().tags_in_use());
    EXPECT_EQ(0u, bed().counted());
    for (const auto& line : bed().segments().lines())
        EXPECT_EQ(0u, line.tags.away & ISOBAR_AWAY_COUNT);
}

TEST_P(Growth, AWalkInStepsMeetsEveryConnectionOnce) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1, 2, 3}, 80);
    auto led = open(1024, 700);
    grow();
    led.merge(open(10000, 300));

    auto& plane = bed().plane();
    auto walk = plane.walk(plane.jiffies().value());
    std::map<std::uint16_t, int> met;
    int steps = 1;
    while (walk.step(100, [&](const auto& each) { ++met[each.client.port]; })) ++steps;

    EXPECT_EQ(led.size(), met.size());
    for (const auto& [port, times] : met) EXPECT_EQ(1, times) << port;
    EXPECT_GE(steps, 3 * 128 * 15 / 100) << "free records are steps, too";
    EXPECT_FALSE(walk.step(100, [&](const auto&) { FAIL() << "it is at its end"; }));
}

TEST_P(Growth, WhatHasDrainedIsGivenBack) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1}, 80);
    open(1024, 1);
    grow();
    look();
    grow();
    look();
    EXPECT_EQ(kFew + 4 * kFew, size()) << "the second generation had nothing in it";
    bed().end_all();
    look();
    EXPECT_EQ(4 * kFew, size());
    expect_found(open(2000, 100));
}

// Half of them stray: all use one client port. In a table of 128 lines one in some 70 seeds leads
// one of them to the two lines that are full.
TEST_P(Growth, TheStrayedAreFoundToo) {
    make({.connections = 16 * kFew, .most_connections = 64 * kFew});
    constexpr std::uint16_t kServices = 60;
    for (std::uint16_t i = 0; i < kServices; ++i)
        bed().add_service(service(model::Protocol::Tcp, static_cast<std::uint16_t>(1000 + i)),
                          model::Scheduler::Rr, {1}, static_cast<std::uint16_t>(2000 + i));
    const auto expect_both_ways = [&](std::uint8_t flags) {
        for (std::uint16_t i = 0; i < kServices; ++i) {
            const auto there = bed().send(
                hook(), Side::Outside, request(40000, flags, static_cast<std::uint16_t>(1000 + i)));
            ASSERT_STREQ("FORWARDED", name(there.verdict)) << i;
            const auto back =
                bed().send(hook(), Side::Inside,
                           reply(kServers[0], 40000, kAck, static_cast<std::uint16_t>(2000 + i)));
            ASSERT_STREQ("REPLIED", name(back.verdict)) << i;
        }
    };
    expect_both_ways(kSyn);
    grow();
    expect_both_ways(kAck);
    look();
    expect_both_ways(kAck);
    EXPECT_EQ(kServices, used());
    bed().end_all();
    EXPECT_EQ(0u, bed().tags_in_use());
}

TEST_P(Growth, AClientStaysWithItsServer) {
    model::AddService persistent{.key = kWeb, .scheduler = model::Scheduler::Rr};
    persistent.persistence = model::Persistence{std::chrono::seconds(300), 32};
    bed().apply({persistent, model::AddServer{kWeb, {endpoint(kServers[0].address, 80), 1}},
                 model::AddServer{kWeb, {endpoint(kServers[1].address, 80), 1}}});
    const int server = connect(1024, hook());
    for (int generation = 0; generation < 3; ++generation) {
        grow();
        EXPECT_EQ(server, connect(static_cast<std::uint16_t>(2000 + generation), hook()));
        look();
        EXPECT_EQ(server, connect(static_cast<std::uint16_t>(3000 + generation), hook()));
    }
    EXPECT_EQ(1u, bed().server(kServers[static_cast<std::size_t>(server - 1)]).persistent);
}

// Packets of four CPUs, while the table grows under them three times. They are never further than
// what it surely has room for: how quick the looks are is not what this is about.
TEST_P(Growth, LosesNothingUnderFire) {
    constexpr int kThreads = 4, kFlows = 2000;
    bed().add_service(kWeb, model::Scheduler::Rr, {1, 1, 1}, 80);
    std::atomic<int> working = kThreads, lost = 0;
    std::atomic<std::uint32_t> begun = 0, room = size();
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread)
        threads.emplace_back([&, thread] {
            const auto port_of = [&](int i) {
                return static_cast<std::uint16_t>(2000 + thread * kFlows + i);
            };
            std::vector<int> led;
            for (int i = 0; i < kFlows; ++i) {
                for (++begun; begun > room;) std::this_thread::yield();
                const auto first = bed().run(hook(), Side::Outside, request(port_of(i), kSyn));
                led.push_back(server_of(first.frame));
                for (const int earlier : {i, i / 2, i / 7}) {
                    const auto run =
                        bed().run(hook(), Side::Outside, request(port_of(earlier), kAck));
                    if (run.action != Action::Redirect ||
                        server_of(run.frame) != led[static_cast<std::size_t>(earlier)])
                        ++lost;
                }
            }
            --working;
        });
    while (working > 0) {
        look();
        room = size();
    }
    for (auto& thread : threads) thread.join();

    EXPECT_EQ(0, lost);
    EXPECT_GE(size(), 8 * kFew);
    EXPECT_EQ(0u, bed().count(ISOBAR_TABLE_FULL));
    EXPECT_EQ(static_cast<std::uint32_t>(kThreads * kFlows), used());
    EXPECT_EQ(static_cast<std::uint32_t>(kThreads * kFlows), bed().counted());
    bed().end_all();
    EXPECT_EQ(0u, bed().tags_in_use());
    EXPECT_EQ(0u, bed().counted());
}

// Killed after any step, the next process goes on.
TEST_P(Growth, GoesOnAfterAKillAnywhere) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1, 1}, 80);
    const auto led = open(1024, 500);
    const auto& maps = bed().maps();
    // segments that no table knows yet
    const int table = maps.fd("isobar_conns");
    auto stray = dataplane::make_segment(maps.settings().segment_mask + 1).value();
    const std::uint32_t number = 2;
    const int fd = stray.get();
    ASSERT_EQ(0, bpf_map_update_elem(table, &number, &fd, BPF_ANY));
    expect_found(led);
    grow();
    // not marked, the sweep's round not told
    maps.settings().lines = maps.settings().segment_mask + 1;
    expect_found(led);
    look();
    expect_found(led);
    EXPECT_EQ(0u, maps.settings().table >> ISOBAR_TABLE_AWAY_SHIFT & ISOBAR_AWAY_ALWAYS);
    bed().end_all();
    EXPECT_EQ(0u, bed().tags_in_use());
}

}  // namespace
}  // namespace isobar::test
