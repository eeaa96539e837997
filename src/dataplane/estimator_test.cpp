// SPDX-License-Identifier: Apache-2.0
#include "dataplane/estimator.h"

#include <gtest/gtest.h>

namespace isobar::dataplane {
namespace {

constexpr std::uint32_t kHz = 250;
constexpr std::uint32_t kPeriod = 2 * kHz;

// 100 packets of 1000 bytes came in since the last period was closed.
isobar_traffic hundred_packets() {
    isobar_traffic traffic{};
    traffic.item[ISOBAR_IN_PACKETS] = 100;
    traffic.item[ISOBAR_IN_BYTES] = 100000;
    return traffic;
}

isobar_estimate due_at(std::uint32_t due) {
    isobar_estimate estimate{};
    estimate.due = due;
    return estimate;
}

TEST(Estimator, ShowsTheOldRateWhileThePeriodLasts) {
    auto estimate = due_at(1000 + kPeriod);
    estimate.rate[ISOBAR_IN_PACKETS] = 7 << 10;
    for (const std::uint32_t now : {1000u, 1000 + kPeriod - 1})
        EXPECT_EQ(7u, readable(rates_at(estimate, hundred_packets(), now, kHz)).in_packets);
}

// 100 packets in 2 s are 50 a second; a quarter of that after the first period.
TEST(Estimator, ClosesThePeriodAtItsEnd) {
    const auto rates = rates_at(due_at(1000), hundred_packets(), 1000, kHz);
    EXPECT_EQ(50u * 1024 / 4, rates.item[ISOBAR_IN_PACKETS]);
    EXPECT_EQ(50000u * 32 / 4, rates.item[ISOBAR_IN_BYTES]);
    EXPECT_EQ(12u, readable(rates).in_packets);  // 12.5, rounded as IPVS does
    EXPECT_EQ(12500u, readable(rates).in_bytes);
}

TEST(Estimator, CountsOnlyWhatCameSinceTheLastPeriod) {
    auto estimate = due_at(1000);
    estimate.last[ISOBAR_IN_PACKETS] = 100;
    EXPECT_EQ(0u, rates_at(estimate, hundred_packets(), 1000, kHz).item[ISOBAR_IN_PACKETS]);
}

TEST(Estimator, LetsTheRateFadeByAQuarterInEachEmptyPeriod) {
    const auto after = [](std::uint32_t periods) {
        return rates_at(due_at(1000), hundred_packets(), 1000 + periods * kPeriod, kHz)
            .item[ISOBAR_IN_PACKETS];
    };
    EXPECT_EQ(12800u, after(0));
    EXPECT_EQ(9600u, after(1));
    EXPECT_EQ(7200u, after(2));
    EXPECT_EQ(0u, after(60));
}

TEST(Estimator, ReachesTheRateOfSteadyTraffic) {
    auto estimate = due_at(0);
    isobar_traffic traffic{};
    for (std::uint32_t period = 0; period < 60; ++period) {
        traffic.item[ISOBAR_IN_PACKETS] += 100;
        const auto rates = rates_at(estimate, traffic, estimate.due, kHz);
        estimate.rate[ISOBAR_IN_PACKETS] = rates.item[ISOBAR_IN_PACKETS];
        estimate.last[ISOBAR_IN_PACKETS] = traffic.item[ISOBAR_IN_PACKETS];
        estimate.due += kPeriod;
    }
    isobar_estimate steady = estimate;
    steady.due += kPeriod;
    EXPECT_EQ(50u, readable(rates_at(steady, traffic, estimate.due, kHz)).in_packets);
}

TEST(Estimator, StandsTheClockGoingRound) {
    const auto rates = rates_at(due_at(0xffffff00u), hundred_packets(), 0x10u, kHz);
    EXPECT_EQ(12800u, rates.item[ISOBAR_IN_PACKETS]);
}

TEST(Estimator, ADaylongPauseEndsAtNothingAtOnce) {
    const auto rates = rates_at(due_at(0), hundred_packets(), 24 * 3600 * kHz, kHz);
    EXPECT_EQ(0u, rates.item[ISOBAR_IN_BYTES]);
}

}  // namespace
}  // namespace isobar::dataplane
