// SPDX-License-Identifier: Apache-2.0
#include "isobar/simulate_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace isobar::cli {
namespace {

using testing::ElementsAre;

Result<SimulateCommand> make(Given given = {}) {
    std::string service = "web";
    std::vector<char*> words{service.data()};
    return make_simulate(given, "simulate", words);
}

TEST(SimulateCommand, HasItsDefaults) {
    const auto command = make().value();
    EXPECT_EQ("web", command.service);
    EXPECT_EQ(std::nullopt, command.scheduler);
    EXPECT_EQ("", command.from);
    EXPECT_DOUBLE_EQ(100, command.traffic.rate);
    EXPECT_DOUBLE_EQ(60, command.traffic.duration);
    EXPECT_EQ(200U, command.traffic.clients);
    EXPECT_EQ(1U, command.seed);
}

TEST(SimulateCommand, TakesAllThatIsGiven) {
    Given given;
    given.scheduler = "lc";
    given.weights = "192.168.10.100=3,192.168.10.101:8080=0";
    given.rate = "1000";
    given.duration = "2m";
    given.length = "uniform:1s-2s";
    given.clients = "5";
    given.seed = "42";

    const auto command = make(given).value();

    EXPECT_EQ(model::Scheduler::Lc, command.scheduler);
    EXPECT_THAT(command.weights,
                ElementsAre(std::pair(*model::Endpoint::parse("192.168.10.100:0"), 3U),
                            std::pair(*model::Endpoint::parse("192.168.10.101:8080"), 0U)));
    EXPECT_DOUBLE_EQ(120, command.traffic.duration);
    EXPECT_EQ(scheduling::Length::Kind::Uniform, command.traffic.length.kind);
    EXPECT_EQ(42U, command.seed);
}

TEST(SimulateCommand, SaysWhatIsWrong) {
    const auto wrong = [](std::string Given::* field, const char* value) {
        Given given;
        given.*field = value;
        const auto made = make(given);
        return made ? "" : made.error().message;
    };
    EXPECT_EQ("unknown scheduler 'wcl'; did you mean 'wlc'?", wrong(&Given::scheduler, "wcl"));
    EXPECT_EQ("--weight: 'real1' is not SERVER=WEIGHT", wrong(&Given::weights, "real1"));
    EXPECT_EQ("--weight: '10.1.1.1=-1' is not SERVER=WEIGHT",
              wrong(&Given::weights, "10.1.1.1=-1"));
    EXPECT_EQ("'real1' is no address of a server", wrong(&Given::weights, "real1=3"));
    EXPECT_EQ("--rate: '0' is no number from 1 to 10000000", wrong(&Given::rate, "0"));
    EXPECT_EQ("--duration: 'x' is no time such as 60s", wrong(&Given::duration, "x"));
    EXPECT_EQ("--clients: '99999' is no number from 1 to 65536", wrong(&Given::clients, "99999"));
    EXPECT_EQ("60000000 connections are more than 10000000: less --rate or --duration",
              wrong(&Given::rate, "1000000"));
    Given both;
    both.from = "live";
    both.rate = "5";
    EXPECT_EQ("--rate, --duration, --length and --clients are not for --from",
              make(both).error().message);
}

Comparison comparison() {
    const auto one = *model::Endpoint::parse("192.168.10.1:80"),
               two = *model::Endpoint::parse("192.168.10.2:80");
    Comparison result;
    result.service = "web";
    result.connections = "those of x.csv";
    result.now.service.scheduler = model::Scheduler::Wlc;
    result.now.result = {100, 0, 60, {{one, 1, 100, 1, 1, 9, 4.5}}};
    result.then.service.scheduler = model::Scheduler::Rr;
    result.then.result = {
        100, 4, 60, {{one, 1, 48, 0.5, 0.5, 5, 2.25}, {two, 1, 48, 0.5, 0.5, 5, 2}}};
    result.notes = {"so it is"};
    return result;
}

TEST(SimulateCommand, ShowsBothSideBySide) {
    EXPECT_EQ(
        "web: 100 connections: those of x.csv\n"
        "now: wlc; then: rr, 4 connections refused\n"
        "                    NOW                                           THEN\n"
        "SERVER           WEIGHT  BY WEIGHT    SHARE  CONNS  PEAK  MEAN  WEIGHT  BY WEIGHT   SHARE "
        " "
        "CONNS  PEAK  MEAN\n"
        "192.168.10.1:80       1    100.0 %  100.0 %    100     9   4.5       1     50.0 %  50.0 % "
        " "
        "   48     5   2.2\n"
        "192.168.10.2:80       -          -        -      -     -     -       1     50.0 %  50.0 % "
        " "
        "   48     5   2.0\n"
        "note: so it is\n",
        comparison_text(comparison(), Colours::Off));
}

TEST(SimulateCommand, HasTheSameForPrograms) {
    const auto document = nlohmann::json::parse(comparison_json(comparison()));
    EXPECT_EQ(1, document.at("version"));
    EXPECT_EQ("wlc", document.at("now").at("scheduler"));
    EXPECT_EQ(4, document.at("then").at("refused"));
    EXPECT_EQ(2U, document.at("then").at("servers").size());
    EXPECT_DOUBLE_EQ(2.25, document.at("then").at("servers").at(0).at("mean"));
}

}  // namespace
}  // namespace isobar::cli
