// SPDX-License-Identifier: Apache-2.0
#include "control/plan.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

namespace isobar::control {
namespace {

using model::Endpoint;
using model::ServiceKey;

Endpoint endpoint(const char* text) {
    return Endpoint::parse(text).value();
}

model::Config one_service(std::vector<model::Listen> listen,
                          std::vector<model::RealServer> servers) {
    model::Config config;
    model::ServiceConfig service;
    service.name = "web";
    service.listen = std::move(listen);
    service.scheduler = model::Scheduler::Rr;
    service.servers.assign(servers.begin(), servers.end());
    config.services.push_back(std::move(service));
    return config;
}

TEST(Plan, EmptyConfigurationWantsNoServicesAndTheDefaultTimeouts) {
    const model::Forwarding wanted = plan(model::Config{});

    EXPECT_TRUE(wanted.services.empty());
    EXPECT_EQ(wanted.timeouts, model::Timeouts{});
}

TEST(Plan, AListenAddressIsAServiceAndItsPortThatOfServersWithout) {
    const ServiceKey http{model::Protocol::Tcp, endpoint("10.0.0.2:80")};
    const model::RealServer one{endpoint("192.168.10.100:8080"), 3};
    const model::RealServer two{endpoint("192.168.10.101:0"), 0};

    const model::Forwarding wanted = plan(one_service({http}, {one, two}));

    ASSERT_EQ(wanted.services.size(), 1U);
    EXPECT_EQ(wanted.services[0],
              (model::VirtualService{
                  http, model::Scheduler::Rr, {one, {endpoint("192.168.10.101:80"), 0}}}));
    EXPECT_TRUE(wanted.groups.empty());
}

TEST(Plan, SeveralListenAddressesAreOneServiceByAMarkOfItsOwn) {
    const ServiceKey http{model::Protocol::Tcp, endpoint("10.0.0.2:80")};
    const ServiceKey all{model::Protocol::Udp, endpoint("10.0.0.3:0")};
    const model::RealServer server{endpoint("192.168.10.100:0"), 1};

    const model::Forwarding wanted = plan(one_service({http, all}, {server}));

    ASSERT_EQ(wanted.services.size(), 1U);
    const ServiceKey key = wanted.services[0].key;
    EXPECT_GE(key.mark, model::kFirstGroupMark);
    EXPECT_EQ(wanted.services[0], (model::VirtualService{key, model::Scheduler::Rr, {server}}));
    const model::Network everybody{{model::Family::V4, {}}, 0};
    EXPECT_EQ(wanted.groups,
              (std::vector<model::MarkRule>{
                  {model::Protocol::Tcp, everybody, {http.address.address, 32}, 80, 80, key.mark},
                  {model::Protocol::Udp, everybody, {all.address.address, 32}, 0, 65535, key.mark},
              }));
}

TEST(Plan, AGroupIsOfTheFamilyOfItsAddresses) {
    const ServiceKey http{model::Protocol::Tcp, endpoint("[fd00::2]:80")};
    const ServiceKey https{model::Protocol::Tcp, endpoint("[fd00::2]:443")};

    const model::Forwarding wanted = plan(one_service({http, https}, {}));

    const ServiceKey key = wanted.services.at(0).key;
    EXPECT_EQ(key, ServiceKey::by_mark(key.mark, model::Family::V6));
    const model::Network everybody{{model::Family::V6, {}}, 0};
    EXPECT_EQ(
        wanted.groups.at(1),
        (model::MarkRule{
            model::Protocol::Tcp, everybody, {http.address.address, 128}, 443, 443, key.mark}));
}

TEST(Plan, ARangeOfPortsIsOneRule) {
    const ServiceKey first{model::Protocol::Udp, endpoint("10.0.0.2:8000")};

    const model::Forwarding wanted =
        plan(one_service({model::Listen(first, 8010)}, {{endpoint("192.168.10.100:0"), 1}}));

    EXPECT_EQ(wanted.services.at(0).servers.at(0).address.port, 0) << "that of the packet";
    EXPECT_EQ(wanted.groups.at(0).first_port, 8000);
    EXPECT_EQ(wanted.groups.at(0).last_port, 8010);
}

TEST(Plan, AServiceByMarkIsThat) {
    auto config = one_service({}, {});
    config.services[0].mark = 5;

    EXPECT_EQ(plan(config).services.at(0).key, ServiceKey::by_mark(5));
}

TEST(Plan, TimeoutsAreTheDirectors) {
    model::Config config;
    config.director.timeouts.udp = std::chrono::seconds(30);

    EXPECT_EQ(plan(config).timeouts.value().udp, std::chrono::seconds(30));
}

// ---- servers that are not as the configuration has them ----

const Endpoint kOne = endpoint("192.168.10.100:80");
const Endpoint kTwo = endpoint("192.168.10.101:80");

model::Config two_servers() {
    return one_service({model::ServiceKey{model::Protocol::Tcp, endpoint("10.0.0.2:80")}},
                       {{kOne, 3}, {kTwo, 5}});
}

// Weights in the data plane, by server.
std::map<Endpoint, model::Weight> weights(const Plan& plan) {
    std::map<Endpoint, model::Weight> all;
    for (const auto& server : plan.forwarding.services.at(0).servers)
        all.emplace(server.address, server.weight);
    return all;
}

Conditions with(const Endpoint& server, ServerCondition condition) {
    Conditions conditions;
    conditions.servers.emplace(ServerName("web", server), std::move(condition));
    conditions.had_quorum.emplace("web", true);
    return conditions;
}

using Weights = std::map<Endpoint, model::Weight>;

struct Standing {
    const char* name;
    ServerCondition condition;
    model::OnFailure on_failure;
    std::optional<model::Weight> weight;  // that kOne has then
    const char* reason;
};

class Standings : public testing::TestWithParam<Standing> {};

TEST_P(Standings, FollowFromHealthAndTheOperatorsWish) {
    const Standing& each = GetParam();
    auto config = two_servers();
    config.services[0].servers[0].on_failure = each.on_failure;

    const auto made = plan(config, with(kOne, each.condition));

    auto expected = Weights{{kTwo, 5}};
    if (each.weight) expected.emplace(kOne, *each.weight);
    EXPECT_EQ(weights(made), expected);
    EXPECT_EQ(made.services.at(0).servers.at(0).reason, each.reason);
}

ServerCondition is(Health health, const char* reason = "", Wish wish = Wish::None) {
    ServerCondition condition;
    condition.health = health;
    condition.reason = reason;
    condition.wish = wish;
    return condition;
}

ServerCondition weighed(std::optional<model::Weight> weight, std::uint32_t share = kWholeShare,
                        std::optional<model::Weight> by_hand = {}) {
    ServerCondition condition;
    condition.weight = weight;
    condition.share = share;
    condition.wished_weight = by_hand;
    return condition;
}

// As a service with the damped controller has it: a configured weight of 1 is 100.
ServerCondition by_load(model::Weight weight, ServerCondition condition = {}) {
    condition.follows_load = true;
    condition.scale = 100;
    condition.steered = load::Steered{weight, "load 2.10 (mean 1.05)"};
    return condition;
}

ServerCondition by_agent(ServerCondition condition, bool drained, bool maintained) {
    condition.drained_by_agent = drained;
    condition.maintained_by_agent = maintained;
    return condition;
}

constexpr auto kRemove = model::OnFailure::Remove;
constexpr auto kQuiesce = model::OnFailure::Quiesce;
INSTANTIATE_TEST_SUITE_P(
    Plan, Standings,
    testing::Values(
        Standing{"Good", {}, kRemove, 3, "up"},
        Standing{"Down", is(Health::Down, "refused"), kRemove, {}, "down: refused"},
        Standing{"DownQuiesced", is(Health::Down, "x"), kQuiesce, 0, "down: x"},
        Standing{"Unknown", is(Health::Unknown), kRemove, {}, "unknown"},
        Standing{"UnknownQuiesced", is(Health::Unknown), kQuiesce, 0, "unknown"},
        Standing{"WeightOfACheck", weighed(9), kRemove, 9, "up, weight by its check"},
        Standing{"SlowStart", weighed(200, 500), kRemove, 100, "up, slow start 50 %"},
        Standing{"AtLeastOne", weighed(3, 31), kRemove, 1, "up, slow start 3 %"},
        Standing{"Drained", is(Health::Up, "", Wish::Drain), kRemove, 0, "drained by hand"},
        Standing{"DrainedDown", is(Health::Down, "x", Wish::Drain), kRemove, {}, "down: x"},
        Standing{"Maintained", is(Health::Up, "", Wish::Maintenance), kQuiesce, {}, "maintenance"},
        Standing{"ForcedUp", is(Health::Down, "x", Wish::ForceUp), kRemove, 3, "up by hand"},
        Standing{"ForcedDown", is(Health::Up, "", Wish::ForceDown), kRemove, {}, "down by hand"},
        Standing{"ByLoad", by_load(37), kRemove, 37, "up, load 2.10 (mean 1.05)"},
        Standing{"ByLoadAndSlowStart", by_load(90, weighed({}, 500)), kRemove, 45,
                 "up, slow start 50 %"},
        Standing{"ByLoadDown", by_load(37, is(Health::Down, "x")), kRemove, {}, "down: x"},
        Standing{"ByHandNotByLoad", by_load(37, weighed({}, kWholeShare, 2)), kRemove, 200,
                 "up, weight by hand"},
        Standing{"DrainedNotByLoad", by_load(37, is(Health::Up, "", Wish::Drain)), kRemove, 0,
                 "drained by hand"},
        Standing{"DrainedByAgent", by_agent(by_load(37), true, false), kRemove, 0,
                 "drained by its agent"},
        Standing{"MaintainedByAgent",
                 by_agent(by_load(37), false, true),
                 kRemove,
                 {},
                 "maintenance by its agent"},
        Standing{"ByHandNotByAgent", by_agent(weighed({}, kWholeShare, 2), true, true), kRemove, 2,
                 "up, weight by hand"},
        Standing{"ForcedUpNotByAgent", by_agent(is(Health::Up, "", Wish::ForceUp), true, true),
                 kRemove, 3, "up by hand"},
        Standing{"WeightByHandWins", weighed(9, 500, 2), kRemove, 2, "up, weight by hand"}),
    [](const auto& param_info) { return param_info.param.name; });

TEST(Plan, QuorumIsOfConfiguredWeights) {
    auto config = two_servers();
    config.services[0].quorum = 8;
    auto conditions = with(kOne, by_load(10));
    conditions.servers[{"web", kTwo}] = by_load(5000);
    conditions.had_quorum.clear();

    EXPECT_TRUE(plan(config, conditions).services[0].quorum);
    config.services[0].quorum = 9;
    EXPECT_FALSE(plan(config, conditions).services[0].quorum);
}

TEST(Plan, ServersThatDoNotFollowTheirLoadAreNotCounted) {
    const auto config = two_servers();
    const auto follows = [&](ServerCondition condition) {
        return plan(config, with(kOne, by_load(37, std::move(condition))))
            .services[0]
            .servers[0]
            .by_load;
    };
    EXPECT_TRUE(follows({}));
    EXPECT_FALSE(follows(weighed({}, 500)));
    EXPECT_FALSE(follows(weighed({}, kWholeShare, 2)));
    EXPECT_FALSE(follows(is(Health::Down)));
    EXPECT_FALSE(follows(is(Health::Up, "", Wish::Drain)));
    EXPECT_FALSE(follows(by_agent({}, true, false)));
}

TEST(Plan, AServerThatIsNotEnabledIsNotThere) {
    auto config = two_servers();
    config.services[0].servers[1].enabled = false;

    const auto made = plan(config, Conditions{});

    EXPECT_EQ(weights(made), (Weights{{kOne, 3}}));
    EXPECT_EQ(made.services[0].servers[1].reason, "not enabled");
    config.services[0].enabled = false;
    EXPECT_TRUE(plan(config, Conditions{}).forwarding.services.empty());
}

TEST(Plan, TheSorryServerServesAloneWithoutQuorum) {
    auto config = two_servers();
    config.services[0].quorum = 4;
    config.services[0].sorry = model::RealServer{endpoint("192.168.10.109:8080")};

    const auto made = plan(config, with(kTwo, is(Health::Down)));

    EXPECT_EQ(weights(made), (Weights{{kOne, 0}, {endpoint("192.168.10.109:8080"), 1}}));
    EXPECT_FALSE(made.services[0].quorum);
    EXPECT_TRUE(made.services[0].sorry);
}

// keepalived: up from quorum + hysteresis on, down below quorum - hysteresis.
TEST(Plan, HysteresisMakesTheQuorumHarderToComeAndToGo) {
    auto config = two_servers();
    config.services[0].quorum = 6;
    config.services[0].quorum_hysteresis = 3;
    const auto has_it = [&](const Endpoint& down, bool had) {
        auto conditions = with(down, is(Health::Down));
        conditions.had_quorum["web"] = had;
        return plan(config, conditions).services[0].quorum;
    };

    EXPECT_FALSE(plan(config, Conditions{}).services[0].quorum) << "8 are not 9";
    EXPECT_TRUE(has_it(kTwo, true)) << "3 are 6 - 3";
    EXPECT_FALSE(has_it(kTwo, false));
    config.services[0].quorum_hysteresis = 2;
    EXPECT_TRUE(plan(config, Conditions{}).services[0].quorum);
    EXPECT_FALSE(has_it(kTwo, true)) << "3 are below 4";
}

TEST(Differences, NameWhoComesAndGoesAndWhy) {
    const auto config = two_servers();
    const auto before = plan(config, with(kTwo, is(Health::Unknown)));
    auto conditions = with(kOne, is(Health::Down, "refused"));
    const auto after = plan(config, conditions);

    const auto events = differences(before.services, after.services);
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0], (Event{Event::Kind::Down, "web", "192.168.10.100:80", "down: refused"}));
    EXPECT_EQ(events[0].line(), "web: server 192.168.10.100:80 down: refused");
    EXPECT_EQ(events[1].line(), "web: server 192.168.10.101:80 up");
    EXPECT_TRUE(differences(after.services, after.services).empty());
    EXPECT_TRUE(differences({}, after.services).empty()) << "nothing was there before";

    conditions.servers[{"web", kTwo}] = is(Health::Down, "refused");
    EXPECT_EQ(differences(after.services, plan(config, conditions).services).back().line(),
              "web: lost its quorum");
}

}  // namespace
}  // namespace isobar::control
