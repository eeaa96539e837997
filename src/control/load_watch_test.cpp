// SPDX-License-Identifier: Apache-2.0
// Which servers are asked for their load, how, and when weights follow.
#include "control/load_watch.h"

#include <gtest/gtest.h>

namespace isobar::control {
namespace {

using model::LoadSource;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

const model::Endpoint kOne = model::Endpoint::parse("10.1.1.1:80").value();
const model::Endpoint kTwo = model::Endpoint::parse("10.1.1.2:80").value();

model::Config two_servers(LoadSource from) {
    model::Config config;
    model::ServiceConfig service;
    service.name = "web";
    service.load = model::LoadConfig{};
    service.load->from = from;
    service.load->port = from == LoadSource::Agent ? 9999 : 0;
    service.servers = {model::RealServer{kOne, 4}, model::RealServer{kTwo, 4}};
    for (auto& server : service.servers) server.checks.emplace_back();
    config.services.push_back(std::move(service));
    return config;
}

health::Subject subject(LoadSource from, const char* host = "") {
    auto config = two_servers(from);
    auto& server = config.services[0].servers[0];
    server.host = host;
    config.services[0].load->command = {"rsh", "-l", "lvs"};
    config.services[0].load->place.header = "X-Load";
    return load_subject(config.services[0], server).value();
}

std::vector<std::string> command(LoadSource from, const char* host = "") {
    return std::get<model::ProgramProbe>(subject(from, host).check.probe).command;
}

TEST(LoadSubject, AsksByTheSourcesOwnMeans) {
    EXPECT_EQ(command(LoadSource::Uptime),
              (std::vector<std::string>{"rsh", "-l", "lvs", "%h", "uptime"}));
    EXPECT_EQ(command(LoadSource::Rup), (std::vector<std::string>{"rup", "%h"}));
    EXPECT_EQ(command(LoadSource::Ruptime, "www1"), (std::vector<std::string>{"ruptime", "www1"}));

    const auto agent = subject(LoadSource::Agent);
    EXPECT_TRUE(std::holds_alternative<model::AgentProbe>(agent.check.probe));
    EXPECT_EQ(health::target_of(agent).text(), "10.1.1.1:9999");
    EXPECT_EQ(std::get<model::HttpProbe>(subject(LoadSource::Http).check.probe).load->header,
              "X-Load");

    const auto config = two_servers(LoadSource::Response);
    EXPECT_EQ(load_subject(config.services[0], config.services[0].servers[0]), std::nullopt);
}

// Two servers whose loads are told, one correction after the other.
class Watched {
public:
    explicit Watched(LoadSource from) : config_(two_servers(from)) { loads.follow(config_); }

    Conditions correct() {
        now = *loads.due();
        Conditions conditions;
        loads.steer(
            now,
            [this](const health::Subject& subject) -> std::optional<health::State> {
                return states.at(subject.server);
            },
            by_load, conditions);
        return conditions;
    }
    void answer(const model::Endpoint& server, double load) {
        states[server].health = Health::Up;
        states[server].load = load;
        ++states[server].answers;
    }

    std::map<model::Endpoint, health::State> states{{kOne, {}}, {kTwo, {}}};
    std::set<ServerName> by_load{{"web", kOne}, {"web", kTwo}};
    LoadWatch loads;
    steady_clock::time_point now;

private:
    model::Config config_;
};

TEST(LoadWatch, MovesWeightsByLoadWhenTheyAreDue) {
    Watched watched(LoadSource::Rup);
    watched.answer(kOne, 3);
    watched.answer(kTwo, 1);

    const auto conditions = watched.correct();

    const auto& one = conditions.of("web", kOne);
    EXPECT_EQ(one.scale, 100U);
    EXPECT_LT(one.steered.value().weight, 400U);
    EXPECT_EQ(one.steered.value().reason, "load 3.00 (mean 2.00)");
    EXPECT_GT(conditions.of("web", kTwo).steered.value().weight, 400U);
    EXPECT_GT(*watched.loads.due(), watched.now);
}

TEST(LoadWatch, AnAnswerCountsOnce) {
    Watched watched(LoadSource::Rup);
    watched.answer(kOne, 3);
    watched.answer(kTwo, 1);
    const auto first = watched.correct().of("web", kOne).steered;

    EXPECT_EQ(watched.correct().of("web", kOne).steered, first);
}

TEST(LoadWatch, SaysWhyThereIsNoLoad) {
    Watched watched(LoadSource::Rup);
    watched.states[kOne].health = Health::Down;
    watched.states[kOne].reason = "exit code 1";

    EXPECT_EQ(watched.correct().of("web", kOne).steered.value(),
              (load::Steered{400, "no load known: exit code 1"}));
}

TEST(LoadWatch, TakesTheTimeOfChecks) {
    Watched watched(LoadSource::Response);
    for (const auto& [server, took] : {std::pair(kOne, 30), std::pair(kTwo, 10)}) {
        watched.states[server].response = milliseconds(took);
        ++watched.states[server].answers;
    }

    EXPECT_EQ(watched.correct().of("web", kOne).steered.value().reason, "load 30.00 (mean 20.00)");
}

TEST(LoadWatch, AnAgentGivesWeightAndDuty) {
    Watched watched(LoadSource::Agent);
    watched.states[kOne].health = Health::Up;
    watched.states[kOne].answers = 1;
    watched.states[kOne].agent = *load::parse_agent_answer("25% drain");
    watched.states[kTwo].agent = *load::parse_agent_answer("down # disk");

    const auto conditions = watched.correct();

    EXPECT_EQ(conditions.of("web", kOne).steered.value(),
              (load::Steered{100, "25 % by its agent"}));
    EXPECT_TRUE(conditions.of("web", kOne).drained_by_agent);
    EXPECT_EQ(conditions.of("web", kTwo).health, Health::Down);
    EXPECT_EQ(conditions.of("web", kTwo).reason, "its agent: disk");
}

TEST(LoadWatch, KeepsItsWeightsWhenTheRestOfTheFileChanges) {
    Watched watched(LoadSource::Rup);
    watched.answer(kOne, 3);
    watched.answer(kTwo, 1);
    const auto before = watched.correct().of("web", kOne).steered;

    auto config = two_servers(LoadSource::Rup);
    config.services[0].quorum = 2;
    watched.loads.follow(config);

    EXPECT_EQ(watched.correct().of("web", kOne).steered, before);
    watched.loads.follow({});
    EXPECT_EQ(watched.loads.due(), std::nullopt);
}

}  // namespace
}  // namespace isobar::control
