// SPDX-License-Identifier: Apache-2.0
#include "load/reading.h"

#include <gtest/gtest.h>

#include <string>

namespace isobar::load {
namespace {

TEST(LoadAverage, IsReadFromWhatTheCommandsPrint) {
    struct Case {
        const char* text;
        double load;
    };
    for (const auto& [text, load] : {
             Case{" 01:17:52 up 11:00,  0 user,  load average: 0.58, 0.85, 1.79\n", 0.58},
             // rup of rstat-client, ruptime of rwho, both of Debian 12
             Case{"localhost              1:28 up             11:11,    0 user, load 1.63 1.53 "
                  "1.67\n",
                  1.63},
             Case{"vm            up      11:10,     0 users,  load 1.47, 1.50, 1.67\n", 1.47},
             // rup and uptime of BSD
             Case{"mars     up 1 day, 2:03, load average: 2.10, 0.05, 0.00\n", 2.10},
             Case{"1:28PM  up 3 days, 2 users, load averages: 3.25 1.0 1.0\n", 3.25},
             // A German server, and one that is called so.
             Case{" 01:17 up 1 min, load average: 0,52, 0,58, 0,59\n", 0.52},
             Case{"payload1  up  1:00,  1 user,  load 7.00, 1.50, 1.67\n", 7},
         })
        EXPECT_EQ(parse_load_average(text), load) << text;
}

TEST(LoadAverage, IsNoneWhereThereIsNone) {
    for (const char* text : {"", "load", "load average:", "load average: x", "mars   down 1:20\n",
                             "load average: -1.0", "load9.0", "load average: 99999999999999999"})
        EXPECT_EQ(parse_load_average(text), std::nullopt) << text;
}

TEST(Load, IsANumberInItsBounds) {
    EXPECT_EQ(parse_load(" 2.5\r\n"), 2.5);
    EXPECT_EQ(parse_load("0"), 0);
    for (const char* text : {"", "-1", "nan", "inf", "1e999", "2.5 %", "1000001", "0x10"})
        EXPECT_EQ(parse_load(text), std::nullopt) << text;
}

TEST(JsonField, IsFoundByItsPath) {
    const std::string json = R"({"cpu": {"load": [0.25, 7], "text": "1.5", "none": null}})";

    EXPECT_EQ(parse_json_field(json, "cpu.load.0"), 0.25);
    EXPECT_EQ(parse_json_field(json, "cpu.text"), 1.5);
    EXPECT_EQ(parse_json_field("3.5", ""), 3.5);

    for (const char* path : {"cpu", "cpu.load.2", "cpu.load.x", "cpu.none", "gpu", "cpu.load.0.1"})
        EXPECT_EQ(parse_json_field(json, path), std::nullopt) << path;
    EXPECT_EQ(parse_json_field("{", "a"), std::nullopt);
    EXPECT_EQ(parse_json_field(std::string(60000, '['), "0"), std::nullopt);
    EXPECT_EQ(parse_json_field(R"({"a": -1})", "a"), std::nullopt);
}

TEST(AgentAnswer, HasHaproxysWords) {
    using Duty = AgentAnswer::Duty;
    using Fitness = AgentAnswer::Fitness;
    EXPECT_EQ(parse_agent_answer("75%\n"), (AgentAnswer{.percent = 75, .why = ""}));
    EXPECT_EQ(parse_agent_answer("ready 50%, up\r\nmaint"),
              (AgentAnswer{Duty::Ready, Fitness::Up, 50, ""}));
    EXPECT_EQ(parse_agent_answer("drain"), (AgentAnswer{Duty::Drain, Fitness::Same, {}, ""}));
    EXPECT_EQ(parse_agent_answer("maint"), (AgentAnswer{Duty::Maintenance, Fitness::Same, {}, ""}));
    EXPECT_EQ(parse_agent_answer("down # disk \x1b full\n"),
              (AgentAnswer{Duty::Same, Fitness::Down, {}, "disk \\x1b full"}));
    for (const char* word : {"stopped", "fail", "failed"})
        EXPECT_EQ(parse_agent_answer(word)->fitness, Fitness::Down) << word;
    EXPECT_EQ(parse_agent_answer("maxconn:30 10%")->percent, 10);
}

TEST(AgentAnswer, KeepsWhatItDoesNotSpeakOf) {
    const auto drained = *parse_agent_answer("drain down # full");

    const auto later = after(drained, *parse_agent_answer("20%"));
    const auto ready = after(later, *parse_agent_answer("ready up"));

    EXPECT_EQ(later,
              (AgentAnswer{AgentAnswer::Duty::Drain, AgentAnswer::Fitness::Down, 20, "full"}));
    EXPECT_EQ(ready, (AgentAnswer{AgentAnswer::Duty::Ready, AgentAnswer::Fitness::Up, 20, ""}));
}

TEST(AgentAnswer, IsNoneWithoutAWordThatIsKnown) {
    for (const char* text : {"", "\n75%", "hello", "-5%", "99999999%", "%", "# down", "UP"})
        EXPECT_EQ(parse_agent_answer(text), std::nullopt) << text;
}

}  // namespace
}  // namespace isobar::load
