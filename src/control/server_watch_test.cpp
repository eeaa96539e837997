// SPDX-License-Identifier: Apache-2.0
// What several checks, and time, make of a server. Who asks is src/health, with tests of its own.
#include "control/server_watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace isobar::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using enum health::Health;

const steady_clock::time_point kNow{seconds(1000)};

model::Endpoint endpoint(const char* text) {
    return model::Endpoint::parse(text).value();
}

health::State state(health::Health health, const char* reason = "",
                    steady_clock::time_point since = kNow) {
    health::State state;
    state.health = health;
    state.reason = reason;
    state.since_steady = since;
    return state;
}

// A server with a check for each of the states.
ServerCondition condition(const std::vector<health::State>& states, bool presumed = false,
                          milliseconds slow_start = milliseconds(0)) {
    WatchedServer server{{"web", endpoint("10.1.1.1:80")}, {}, slow_start};
    for (std::size_t i = 0; i < states.size(); ++i) {
        model::Check check;
        check.port = static_cast<model::Port>(1000 + i);
        server.subjects.push_back({endpoint("10.1.1.1:80"), check, {}});
    }
    const auto state_of = [&](const health::Subject& subject) -> std::optional<health::State> {
        return states.at(subject.check.port - 1000U);
    };
    return condition_of(server, state_of, presumed, kNow);
}

TEST(Condition, IsThatOfTheWorstCheck) {
    const auto worst = condition({state(Unknown), state(Down, "refused"), state(Up)});

    EXPECT_EQ(worst.health, Health::Down);
    EXPECT_EQ(worst.reason, "refused");
    EXPECT_EQ(condition({}).health, Health::Up);
    EXPECT_EQ(condition({state(Up), state(Up)}).health, Health::Up);
    EXPECT_EQ(condition({state(Up), state(Unknown)}).health, Health::Unknown);
}

TEST(Condition, WhoServedBeforeServesUntilAVerdict) {
    EXPECT_EQ(condition({state(Unknown)}, true).health, Health::Up);
    EXPECT_EQ(condition({state(Down)}, true).health, Health::Down);
    EXPECT_EQ(condition({state(Up)}, true, seconds(30)).share, kWholeShare) << "it is no newcomer";
}

TEST(Condition, ASlowStartGoesUpFromTheFirstStepToTheWhole) {
    const auto share_after = [](milliseconds age) {
        return condition({state(Up, "", kNow - age)}, false, seconds(32)).share;
    };

    EXPECT_EQ(share_after(milliseconds(0)), kWholeShare / 32);
    EXPECT_EQ(share_after(seconds(16)), 17 * kWholeShare / 32);
    EXPECT_EQ(share_after(seconds(32)), kWholeShare);
}

TEST(Condition, AWeightOfACheckIsPassedOn) {
    auto weighed = state(Up);
    weighed.weight = 7;
    EXPECT_EQ(condition({weighed, state(Up)}).weight, 7U);
}

TEST(WatchedServers, AreThoseThatAreEnabledAndHaveThePortOfTheirService) {
    model::ServiceConfig service;
    service.name = "web";
    service.listen = {model::ServiceKey{model::Protocol::Tcp, endpoint("10.0.0.2:80")}};
    model::Check check;
    check.through_service = true;
    model::ServerConfig bare(model::RealServer{endpoint("10.1.1.1:0")});
    bare.checks = {check};
    model::ServerConfig off = bare;
    off.enabled = false;
    service.servers = {bare, off};
    model::Config config;
    config.services = {service};

    const auto watched = watched_servers(config);

    ASSERT_EQ(watched.size(), 1U);
    EXPECT_EQ(watched[0].name, ServerName("web", bare.address));
    EXPECT_EQ(watched[0].subjects.at(0).server, endpoint("10.1.1.1:80"));
    EXPECT_EQ(watched[0].subjects.at(0).through, endpoint("10.0.0.2:80"));
    EXPECT_GE(watched[0].subjects.at(0).mark, model::kFirstProbeMark);
}

TEST(LeftUp, AreThoseThatRunUnlessTheyMayHaveBeenQuiesced) {
    model::ServiceConfig service;
    service.name = "web";
    service.listen = {model::ServiceKey{model::Protocol::Tcp, endpoint("10.0.0.2:80")}};
    model::ServiceStatus running;
    running.key = service.key();
    const auto add = [&](const char* address, model::OnFailure on_failure, int weight) {
        model::ServerConfig server(model::RealServer{endpoint(address)});
        server.on_failure = on_failure;
        service.servers.push_back(server);
        if (weight < 0) return;
        if (server.address.port == 0) server.address.port = 80;
        running.servers.emplace_back().server = {server.address,
                                                 static_cast<model::Weight>(weight)};
    };
    using enum model::OnFailure;
    add("10.1.1.1:0", Remove, 3);
    add("10.1.1.2:81", Remove, 0);
    add("10.1.1.3:0", Remove, -1);
    add("10.1.1.4:0", Quiesce, 3);
    add("10.1.1.5:0", Quiesce, 0);
    model::Config config;
    config.services = {service};

    EXPECT_EQ(left_up({running}, config), (std::set<ServerName>{{"web", endpoint("10.1.1.1:0")},
                                                                {"web", endpoint("10.1.1.2:81")},
                                                                {"web", endpoint("10.1.1.4:0")}}));
    EXPECT_TRUE(left_up({}, config).empty());
}

}  // namespace
}  // namespace isobar::control
