// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/load_report.h"

#include <gtest/gtest.h>

namespace isobar::agent {
namespace {

TEST(LoadReport, ReadsWhatTheKernelSays) {
    EXPECT_EQ(busy_by_load("1.00 0.85 1.79 2/345 6789\n", 4), 0.25);
    EXPECT_EQ(busy_by_pressure("some avg10=12.50 avg60=1.00 avg300=0.00 total=1\n"
                               "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
              0.125);
    EXPECT_EQ(busy_by_memory("MemTotal:       8000000 kB\nMemFree:  100 kB\n"
                             "MemAvailable:   6000000 kB\n"),
              0.25);
}

TEST(LoadReport, KnowsNothingFromOtherTexts) {
    EXPECT_EQ(busy_by_load("", 4), std::nullopt);
    EXPECT_EQ(busy_by_load("1.00 ", 0), std::nullopt);
    EXPECT_EQ(busy_by_pressure("full avg10=1\n"), std::nullopt);
    EXPECT_EQ(busy_by_memory("MemTotal: 0 kB\nMemAvailable: 0 kB\n"), std::nullopt);
    EXPECT_EQ(busy_by_memory("MemTotal:"), std::nullopt);
}

TEST(LoadReport, AsksForWhatIsIdle) {
    EXPECT_EQ(agent_line(0), "100%\n");
    EXPECT_EQ(agent_line(0.25), "75%\n");
    EXPECT_EQ(agent_line(0.999), "1%\n");
    EXPECT_EQ(agent_line(7), "1%\n");
}

}  // namespace
}  // namespace isobar::agent
