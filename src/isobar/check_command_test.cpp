// SPDX-License-Identifier: Apache-2.0
#include "isobar/check_command.h"

#include <gtest/gtest.h>

namespace isobar::cli {
namespace {

api::CheckView check(const char* health, const char* outcome) {
    api::CheckView view;
    view.type = "http";
    view.target = "10.1.1.1:80";
    view.health = health;
    view.last = {{{}, outcome, "status 200", std::chrono::microseconds(1234)}};
    return view;
}

TEST(CheckCommand, UpIsWhatWasFoundGoodAndCountsAsUp) {
    EXPECT_TRUE(all_up({{"web", "10.1.1.1", "", {check("up", "good"), check("up", "good")}}}));
    EXPECT_FALSE(all_up({{"web", "10.1.1.1", "", {check("up", "good"), check("up", "bad")}}}));
    EXPECT_FALSE(all_up({{"web", "10.1.1.1", "", {check("down", "good")}}})) << "re-entry time";
    EXPECT_TRUE(all_up({{"web", "10.1.1.1", "", {}}})) << "nobody checks it";
    EXPECT_TRUE(all_up({}));
}

TEST(CheckCommand, SaysWhatWasFoundAndWhatItMeans) {
    EXPECT_EQ(check_text({{"web", "10.1.1.1", "weight 1, up", {check("up", "good")}},
                          {"web", "10.1.1.2", "weight 1, up", {}}}),
              "web 10.1.1.1: weight 1, up\n"
              "  http to 10.1.1.1:80: good, 1.2 ms, status 200\n"
              "web 10.1.1.2: weight 1, up\n"
              "  nobody checks it\n");
    EXPECT_EQ(check_text({}), "no servers\n");
}

}  // namespace
}  // namespace isobar::cli
