// SPDX-License-Identifier: Apache-2.0
// Several CPUs at once on one state: nothing is lost, nothing is counted twice.
#include <atomic>
#include <thread>

#include "fixture.h"

namespace isobar::test {
namespace {

constexpr int kThreads = 4;

class Concurrency : public DatapathOnHook {
protected:
    void SetUp() override { make({.connections = 8192}); }

    template <typename Work>
    static void on_all_threads(Work work) {
        std::vector<std::thread> threads;
        for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
        for (auto& thread : threads) thread.join();
    }
};
ISOBAR_ON_BOTH_HOOKS(Concurrency);

// Of neighbouring ports, in a seventh of the table.
TEST_P(Concurrency, DistinctFlowsLoseNoCount) {
    constexpr int kFlows = 300;
    bed().add_service(kWeb, model::Scheduler::Rr, {1, 1, 1}, 80);

    on_all_threads([&](int thread) {
        for (int i = 0; i < kFlows; ++i) {
            const auto port = static_cast<std::uint16_t>(10000 + thread * kFlows + i);
            (void)bed().run(hook(), Side::Outside, request(port, kSyn));
            (void)bed().run(hook(), Side::Outside, request(port, kAck));
        }
    });

    const std::uint64_t flows = kThreads * kFlows;
    EXPECT_EQ(2 * flows, bed().count(ISOBAR_FORWARDED));
    EXPECT_EQ(flows, bed().plane().capacity().value().used);
    EXPECT_EQ(flows, bed().counted());
    EXPECT_EQ(flows, bed().tags_in_use());
    const auto status = bed().plane().services().value().at(0);
    EXPECT_EQ(flows, status.traffic.connections);
    EXPECT_EQ(2 * flows, status.traffic.in_packets);
    EXPECT_EQ(2 * flows * 40, status.traffic.in_bytes);
}

// All threads use the same few ports: connections end and begin under each other's hands.
TEST_P(Concurrency, ConnectionsThatEndWhileOthersFindThemLeaveNothingBehind) {
    bed().add_service(kWeb, model::Scheduler::Wlc, {1, 2, 3}, 80);
    ASSERT_TRUE(bed().plane().set_timeouts({std::chrono::seconds(1), {}, {}}));
    std::atomic<int> unnamed = 0;

    on_all_threads([&](int thread) {
        for (int i = 0; i < 1500; ++i) {
            const auto port = static_cast<std::uint16_t>(10000 + (i * 7 + thread) % 5);
            // CLOSE after the RST: the next SYN retires it
            static constexpr std::uint8_t kFlags[] = {kSyn, kAck, kRst, kSyn};
            const auto done = bed().run(hook(), Side::Outside,
                                        request(port, kFlags[(i + thread) % std::size(kFlags)]));
            if (done.action == Action::Drop || done.action == Action::Unknown) ++unnamed;
        }
    });

    EXPECT_EQ(0, unnamed);
    EXPECT_EQ(0u, bed().count(ISOBAR_INTERNAL));
    const auto left = bed().connections();
    // two SYNs at the same time may make two connections of one tuple, as in IPVS
    EXPECT_LE(left.size(), 5u * kThreads);
    for (auto* conn : left) {
        EXPECT_EQ(ISOBAR_LIFE_LIVE, conn->life & (ISOBAR_LIFE_LIVE | ISOBAR_LIFE_CLAIMED));
        conn->expires = bed().jiffies() - 1;
    }
    (void)bed().plane().connections();  // sweeps
    EXPECT_EQ(0u, bed().connections().size());
    EXPECT_EQ(0u, bed().counted());
    EXPECT_EQ(0u, bed().tags_in_use());
}

TEST_P(Concurrency, ServersThatComeAndGoLoseNoPacketOfOthers) {
    bed().add_service(kWeb, model::Scheduler::Rr, {1, 1}, 80);
    const model::RealServer third{endpoint(kServers[2].address, 80), 1};
    std::atomic<int> working = kThreads;
    std::atomic<int> lost = 0;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread)
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 400; ++i) {
                const auto port = static_cast<std::uint16_t>(10000 + thread * 400 + i);
                if (bed().run(hook(), Side::Outside, request(port, kSyn)).action !=
                    Action::Redirect)
                    ++lost;
            }
            --working;
        });

    int changes = 0;
    while (working > 0) {
        bed().apply({model::AddServer{kWeb, third}});
        bed().apply({model::RemoveServer{kWeb, third.address}});
        ++changes;
    }
    for (auto& thread : threads) thread.join();

    // a SYN that had already been given to the third server when it went is dropped
    EXPECT_EQ(static_cast<std::uint64_t>(lost.load()), bed().count(ISOBAR_SERVER_REMOVED));
    EXPECT_LE(lost, changes * kThreads);
    EXPECT_EQ(kThreads * 400u, bed().counted());
}

}  // namespace
}  // namespace isobar::test
