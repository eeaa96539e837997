// SPDX-License-Identifier: Apache-2.0
#include "api/health_view.h"

#include <gtest/gtest.h>

namespace isobar::api {
namespace {

HealthView some_health() {
    const auto at = [](int second) {
        return std::chrono::sys_seconds(std::chrono::seconds(second));
    };
    CheckView check{"http", "10.1.1.1:80", "down", at(60), "refused", "", true, {}, 7, {}, "> GET"};
    check.response = std::chrono::microseconds(812);
    check.last = {{at(61), "good", "status 200", std::chrono::microseconds(800)},
                  {at(66), "bad", "refused \"x\"", std::chrono::microseconds(12)}};
    return {"web", "10.1.1.1:80", "out, down: refused", {check, {}}};
}

TEST(HealthView, IsReadBackAsItWasWritten) {
    EXPECT_EQ(parse_health(health_json(some_health())).value(), some_health());
}

TEST(HealthView, SoAreThoseOfSeveralServers) {
    const std::vector<HealthView> servers{some_health(), {"web", "10.1.1.2:80", "up", {}}};
    EXPECT_EQ(parse_healths(healths_json(servers)).value(), servers);
    EXPECT_EQ(healths_json({}), R"({"servers":[]})");
    EXPECT_FALSE(parse_healths(R"({"servers":[7]})"));
}

TEST(HealthView, IsOnlyReadWhole) {
    const std::string whole = health_json(some_health());
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_FALSE(parse_health(whole.substr(0, length))) << length;
    EXPECT_FALSE(parse_health(R"({"service":"web"})"));
}

}  // namespace
}  // namespace isobar::api
