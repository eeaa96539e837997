// SPDX-License-Identifier: Apache-2.0
#include "model/scheduler_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobar::model {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SchedulerFlags, HaveTheNamesOfTheirScheduler) {
    const SchedulerFlags all{7};
    EXPECT_THAT(names(Scheduler::Sh, all), ElementsAre("sh-fallback", "sh-port"));
    EXPECT_THAT(names(Scheduler::Mh, all), ElementsAre("mh-fallback", "mh-port"));
    EXPECT_THAT(names(Scheduler::Rr, all), ElementsAre("flag-1", "flag-2", "flag-3"));
    EXPECT_THAT(names(Scheduler::Sh, SchedulerFlags{2}), ElementsAre("sh-port"));
    EXPECT_THAT(names(Scheduler::Sh, {}), IsEmpty());
}

TEST(SchedulerFlags, AreListedBehindTheScheduler) {
    EXPECT_EQ("sh (sh-fallback,sh-port)", text(Scheduler::Sh, SchedulerFlags{3}));
    EXPECT_EQ("wlc", text(Scheduler::Wlc, {}));
    EXPECT_EQ("sh", text(Scheduler::Sh, SchedulerFlags{4}));
}

TEST(SchedulerFlags, AreFoundByName) {
    const auto* port = scheduler_flag_named("mh-port");
    ASSERT_NE(nullptr, port);
    EXPECT_EQ(SchedulerFlags{2}, port->flags);
    EXPECT_TRUE(port->fits(Scheduler::Mh));
    EXPECT_FALSE(port->fits(Scheduler::Sh));
    EXPECT_TRUE(scheduler_flag_named("flag-1")->fits(Scheduler::Sh));
    EXPECT_EQ(nullptr, scheduler_flag_named("port"));
}

}  // namespace
}  // namespace isobar::model
