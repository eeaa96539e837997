// SPDX-License-Identifier: Apache-2.0
#include "isobar/config_command.h"

#include <gtest/gtest.h>

#include "isobar/config_text.h"

namespace isobar::cli {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

Given given() {
    return {};
}

TEST(ConfigCommand, NamesFilesVersionsAndWhatRuns) {
    std::string file = "new.toml", number = "7", running = "running";
    std::vector<char*> words{file.data(), number.data(), running.data()};

    EXPECT_EQ(make_plan(given(), "plan", Words(words).first(1)).value().config.file, "new.toml");
    EXPECT_EQ(make_plan(given(), "plan", {}).value().config.file, "");
    const auto diff = make_diff(given(), "diff", Words(words).subspan(1)).value();
    EXPECT_EQ(diff.from.version, 7U);
    EXPECT_EQ(diff.to.version, 0U);
    const auto one = make_diff(given(), "diff", Words(words).subspan(1, 1)).value();
    EXPECT_EQ(one.from.version, 0U) << "what runs";
    EXPECT_EQ(one.to.version, 7U);
    EXPECT_EQ(make_rollback(given(), "", Words(words).subspan(1, 1)).value().request.version, 7U);
    EXPECT_FALSE(make_rollback(given(), "", Words(words).first(1)));
    EXPECT_FALSE(make_rollback(given(), "", Words(words).subspan(2)));
    EXPECT_FALSE(make_history(given(), "", Words(words).first(1)));
}

TEST(ConfigCommand, ConfirmTakesATime) {
    Given confirm;
    for (const char* text : {"0s", "60", "500ms", "2d", "soon"}) {
        confirm.confirm = text;
        EXPECT_FALSE(make_apply(confirm, "apply", {})) << text;
    }
    confirm.confirm = "5m";
    EXPECT_EQ(make_apply(confirm, "apply", {}).value().confirm, seconds(300));
}

TEST(ConfigText, APlanIsGroupedByService) {
    const api::PlanView plan{
        3,
        {{config::Step::Changed, "service web", "scheduler", "\"rr\"", "\"wlc\""},
         {config::Step::Removed, "service web", "server 10.1.1.1", "{ weight = 1 }", ""},
         {config::Step::Added, "service mail", "", "", "{ ... }"}},
        {{"scheduler wlc", 0, 0}, {"server removed", 1, 0}, {"weight 1 -> 0", 0, 3}}};

    EXPECT_EQ(plan_text(plan, Colours::Off), R"(service web
  ~ scheduler: "rr" -> "wlc"
  - server 10.1.1.1 { weight = 1 }
+ service mail { ... }

What is done in the data plane, in one step:
  scheduler wlc
  server removed: 1 open connection ends
  weight 1 -> 0: 3 open connections go on
1 open connection ends.
)");
    EXPECT_NE(plan_text(plan, Colours::On).find("\x1b[31m"), std::string::npos);
}

TEST(ConfigText, OfNothingSaysSo) {
    EXPECT_EQ(plan_text({}, Colours::Off),
              "The same configuration as the one that runs.\n"
              "Nothing changes in the data plane.\n");
    EXPECT_EQ(history_text({}, Colours::Off), "no versions\n");
}

TEST(ConfigText, TheHistoryIsNewestFirst) {
    const std::vector<api::VersionView> versions{
        {{1, sys_seconds(seconds(0)), "isobard", "start", "/a.toml"}, false, false, ""},
        {{2, sys_seconds(seconds(60)), "anna", "", "b\n.toml"}, true, true, ""}};

    EXPECT_EQ(history_text(versions, Colours::Off),
              "    2  1970-01-01 00:01:00 UTC  b\\n.toml, by anna (to be confirmed)\n"
              "    1  1970-01-01 00:00:00 UTC  /a.toml, by isobard: start\n");
}

TEST(ConfigText, WhatMustBeConfirmedSaysHow) {
    EXPECT_EQ(applied_text({4, {"one"}, {}}), "version 4 holds, 1 change made in the data plane\n");
    EXPECT_EQ(applied_text({4, {}, sys_seconds(seconds(3600))}),
              "version 4 holds, 0 changes made in the data plane\n"
              "until 01:00:00 UTC: 'isobar confirm' makes it stay, 'isobar rollback' ends it at "
              "once\n");
}

}  // namespace
}  // namespace isobar::cli
