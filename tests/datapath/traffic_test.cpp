// SPDX-License-Identifier: Apache-2.0
// What is counted for servers and services, and the rates worked out of it.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <vector>

#include <gmock/gmock.h>

#include "fixture.h"

namespace isobar::test {
namespace {

class Traffic : public DatapathOnHook {
protected:
    void SetUp() override {
        DatapathOnHook::SetUp();
        if (!IsSkipped()) bed().add_service(kWeb, model::Scheduler::Rr, {1, 1}, 80);
    }
    model::ServiceStatus status() { return bed().plane().services().value().at(0); }
    // Two packets of 40 and 140 bytes in, one of 1040 out, one connection: on server 2.
    void exchange(std::uint16_t port) {
        const V4 server = kServers[1].address;
        (void)bed().send(hook(), Side::Outside, request(port, kSyn));
        (void)bed().send(
            hook(), Side::Outside,
            arriving(kClient, packet(Ip{kClient.address, kVip}, Tcp{port, 80, kAck, Bytes(100)})));
        (void)bed().send(hook(), Side::Inside,
                         arriving(kServers[1], packet(Ip{server, kClient.address},
                                                      Tcp{80, port, kAck, Bytes(1000)})));
    }
    // The estimate of server 2; a period lasts 2,000 s, so that none ends by itself however
    // slow the machine is.
    isobar_estimate& long_period() {
        auto& settings = bed().maps().settings();
        settings.hz *= 1000;
        auto& estimate = bed().maps().rates()[slot()];
        estimate.due = bed().jiffies() + 2 * settings.hz;
        return estimate;
    }
    // The period ended then, as far as each CPU knows.
    void ended(isobar_estimate& estimate, std::uint32_t due) {
        estimate.due = due;
        each_cpu_knows(due);
    }
    void each_cpu_knows(std::uint32_t due) {
        auto counters = of_each_cpu();
        for (auto& counter : counters) counter.due = due;
        const auto number = slot();
        ASSERT_EQ(0, bpf_map_update_elem(map(), &number, counters.data(), BPF_ANY));
    }
    std::vector<isobar_traffic> of_each_cpu() {
        std::vector<isobar_traffic> counters(static_cast<std::size_t>(libbpf_num_possible_cpus()));
        const auto number = slot();
        EXPECT_EQ(0, bpf_map_lookup_elem(map(), &number, counters.data()));
        return counters;
    }

private:
    std::uint32_t slot() {  // of server 2
        return static_cast<std::uint32_t>(&bed().server(kServers[1]) -
                                          bed().maps().servers().data());
    }
    int map() { return bed().maps().fd("isobar_traffic"); }
};
ISOBAR_ON_BOTH_HOOKS(Traffic);

std::array<std::uint64_t, 5> items(const model::Traffic& t) {
    return {t.connections, t.in_packets, t.out_packets, t.in_bytes, t.out_bytes};
}

using Items = std::array<std::uint64_t, 5>;

TEST_P(Traffic, CountsConnectionsPacketsAndBytesEachWay) {
    exchange(40000);
    const auto now = status();
    EXPECT_EQ((Items{1, 2, 1, 180, 1040}), items(now.servers.at(0).traffic));
    EXPECT_EQ((Items{0, 0, 0, 0, 0}), items(now.servers.at(1).traffic));
    EXPECT_EQ((Items{1, 2, 1, 180, 1040}), items(now.traffic));
}

TEST_P(Traffic, WhatARemovedServerCarriedStaysWithTheService) {
    exchange(40000);
    const auto address = endpoint(kServers[1].address, 80);

    bed().apply({model::RemoveServer{kWeb, address}});
    EXPECT_EQ((Items{1, 2, 1, 180, 1040}), items(status().traffic));

    bed().apply({model::AddServer{kWeb, {address, 1}}});
    EXPECT_EQ((Items{1, 2, 1, 180, 1040}), items(status().traffic));
    EXPECT_EQ((Items{1, 2, 1, 180, 1040}), items(status().servers.at(0).traffic));
}

TEST_P(Traffic, ZeroStartsTheCountersAgainAndKeepsConnections) {
    exchange(40000);

    ASSERT_TRUE(bed().plane().zero_counters(kWeb));
    const auto zeroed = status();
    (void)bed().send(hook(), Side::Outside, request(40000, kAck));

    EXPECT_EQ((Items{0, 0, 0, 0, 0}), items(zeroed.traffic));
    EXPECT_EQ((Items{0, 0, 0, 0, 0}), items(zeroed.servers.at(0).traffic));
    EXPECT_EQ(1u, zeroed.servers.at(0).active);
    EXPECT_EQ((Items{0, 1, 0, 40, 0}), items(status().traffic));
}

TEST_P(Traffic, PacketsThatAreNotForwardedAreNotCounted) {
    exchange(40000);
    bed().apply({model::RemoveServer{kWeb, endpoint(kServers[1].address, 80)}});
    (void)bed().send(hook(), Side::Outside, request(40000, kAck));
    (void)bed().send(hook(), Side::Outside, request(41000, kAck));
    EXPECT_EQ((Items{1, 2, 1, 180, 1040}), items(status().traffic));
}

// ---- rates ---------------------------------------------------------------------------

// ip_vs_est.c: every 2 s, rate += (counted / 2 s - rate) / 4; counts scaled by 2^10, bytes
// by 2^5.
struct Model {
    std::array<std::int64_t, 5> rate{};

    void period(const Items& counted) {
        for (std::size_t i = 0; i < 5; ++i) {
            const std::int64_t scale = i < 3 ? 1024 : 32;
            rate[i] += (static_cast<std::int64_t>(counted[i]) * scale / 2 - rate[i]) >> 2;
        }
    }
};

TEST_P(Traffic, RatesAreSmoothedAsIpvsDoes) {
    auto& estimate = long_period();
    exchange(40000);
    const auto hz = bed().maps().settings().hz;
    Model model;
    const struct {
        int packets;         // of 40 bytes, in the period
        std::uint32_t idle;  // periods without a packet behind it
    } periods[] = {{10, 0}, {300, 0}, {0, 0}, {7, 3}, {1000, 40}, {5, 0}};

    std::uint64_t pending = 0;  // the packet that closes a period belongs to the next one
    bool first = true;
    for (const auto& period : periods) {
        for (int i = 0; i < period.packets; ++i)
            (void)bed().run(hook(), Side::Outside, request(40000, kAck));
        const auto packets = pending + static_cast<std::uint64_t>(period.packets);
        model.period(first ? Items{1, packets + 2, 1, 180 + packets * 40, 1040}
                           : Items{0, packets, 0, packets * 40, 0});
        for (std::uint32_t i = 0; i < period.idle; ++i) model.period({});
        if (period.idle > 32) model.rate = {};  // nothing is left by then

        ended(estimate, bed().jiffies() - period.idle * 2 * hz);
        (void)bed().run(hook(), Side::Outside, request(40000, kAck));

        pending = 1;
        first = false;
        for (std::size_t i = 0; i < 5; ++i)
            EXPECT_EQ(model.rate[i], static_cast<std::int64_t>(estimate.rate[i]))
                << "item " << i << " after a period with " << period.packets << " packets";
        EXPECT_LE(estimate.due - bed().jiffies(), 2 * hz);
    }
}

TEST_P(Traffic, APeriodThatAnotherCpuHasClosedIsNotClosedAgain) {
    auto& estimate = long_period();
    exchange(40000);
    const auto due = estimate.due;
    each_cpu_knows(bed().jiffies());

    (void)bed().send(hook(), Side::Outside, request(40000, kAck));

    EXPECT_EQ(due, estimate.due);
    for (const auto rate : estimate.rate) EXPECT_EQ(0u, rate);
    EXPECT_THAT(of_each_cpu(), testing::Contains(testing::Field(&isobar_traffic::due, due)));
    EXPECT_EQ((Items{1, 3, 1, 220, 1040}), items(status().traffic));
}

TEST_P(Traffic, AListingShowsRatesThatNoPacketClosed) {
    auto& estimate = long_period();
    exchange(40000);
    Model model;
    model.period({1, 2, 1, 180, 1040});
    model.period({});

    ended(estimate, bed().jiffies() - 2 * bed().maps().settings().hz);
    const auto rates = status().servers.at(0).rates;

    EXPECT_EQ(static_cast<std::uint64_t>((model.rate[3] + 15) / 32), rates.in_bytes);
    EXPECT_EQ(static_cast<std::uint64_t>((model.rate[4] + 15) / 32), rates.out_bytes);
    EXPECT_GT(rates.out_bytes, 0u);
}

TEST_P(Traffic, ZeroForgetsTheRates) {
    auto& estimate = long_period();
    exchange(40000);
    ended(estimate, bed().jiffies());
    (void)bed().send(hook(), Side::Outside, request(40000, kAck));
    ASSERT_GT(status().servers.at(0).rates.out_bytes, 0u);
    ASSERT_TRUE(bed().plane().zero_counters(std::nullopt));
    EXPECT_EQ(0u, status().servers.at(0).rates.out_bytes);
}

}  // namespace
}  // namespace isobar::test
