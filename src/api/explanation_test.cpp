// SPDX-License-Identifier: Apache-2.0
#include "api/explanation.h"

#include <gtest/gtest.h>

#include <chrono>

#include "api/routes.h"

namespace isobar::api {
namespace {

using std::chrono::seconds;

model::Endpoint end(const char* text) {
    return *model::Endpoint::parse(text);
}

model::Decision whole_decision() {
    model::Decision decision;
    decision.question = {model::Protocol::Udp, end("10.0.0.9:40000"), end("10.0.0.2:53"), 7};
    decision.verdict = "forwarded";
    decision.meaning = "client packet, sent to its real server";
    decision.source_is = "unknown";
    decision.destination_is = "virtual";
    decision.connection = {false,
                           end("10.0.0.9:40000"),
                           end("10.0.0.2:53"),
                           end("192.168.10.1:53"),
                           model::ForwardingMethod::Tun,
                           "UDP",
                           seconds(12),
                           {"inactive"},
                           "template",
                           "its time is over"};
    decision.service = {{model::Protocol::Udp, end("10.0.0.2:53")},
                        "its address and port",
                        model::Persistence{seconds(300), 24},
                        model::PersistenceEngine::Sip,
                        true};
    decision.known_template = {end("192.168.10.1:53"), "NONE", seconds(99), 3};
    decision.choice = {model::Scheduler::Wlc,
                       end("192.168.10.1:53"),
                       false,
                       "the least load",
                       {{end("192.168.10.1:53"), 3, 2, 1, 9, true, "load 1", "overloaded"}}};
    decision.method = model::ForwardingMethod::Tun;
    decision.goes_to = end("192.168.10.1:53");
    decision.next_hop = {"eth1",      *model::Address::parse("192.168.10.254"),
                         false,       "52:54:00:00:00:01",
                         "reachable", 1500,
                         20};
    decision.doubts = {"drop_packet is in force"};
    return decision;
}

TEST(Explanation, SurvivesJson) {
    const Explanation whole{
        whole_decision(), "dns", true, {{end("192.168.10.2:53"), "out, down: refused"}}};
    EXPECT_EQ(whole, parse_explanation(explanation_json(whole)).value());

    Explanation bare;
    bare.decision.question = whole.decision.question;
    EXPECT_EQ(bare, parse_explanation(explanation_json(bare)).value());

    EXPECT_FALSE(parse_explanation("{}"));
    EXPECT_FALSE(parse_explanation("x"));
}

TEST(Explanation, NamesTheServiceAndWhyItsServersAreOut) {
    model::Config config;
    config.services.resize(1);
    config.services[0].name = "dns";
    config.services[0].listen = {model::ServiceKey{model::Protocol::Udp, end("10.0.0.2:53")}};
    control::ServicePlan plan{"dns", true, false, {}};
    plan.servers.resize(1);
    plan.servers[0].server.address = end("192.168.10.2:0");
    plan.servers[0].reason = "down: refused";

    const auto explained = explanation(whole_decision(), config, {plan});

    EXPECT_EQ("dns", explained.service);
    EXPECT_EQ((std::vector<ConfiguredServer>{{end("192.168.10.2:53"), "out, down: refused"}}),
              explained.standings);
    EXPECT_EQ("", explanation(whole_decision(), {}, {}).service) << "made by hand";
}

TEST(Explanation, OfABadQuestionIsARefusal) {
    const auto wrong = [](const Query& query) { return parse_question(query).error().message; };
    Query good = question_query(whole_decision().question);
    EXPECT_EQ(whole_decision().question, parse_question(good).value());

    EXPECT_EQ("source and destination are needed", wrong({{"source", "10.0.0.9:1"}}));
    EXPECT_EQ("source: '10.0.0.9' is no address:port", wrong({{"source", "10.0.0.9"}}));
    EXPECT_EQ("protocol: 'icmp' is no protocol: tcp, udp, sctp", wrong({{"protocol", "icmp"}}));
    EXPECT_EQ("mark: '-1' is no firewall mark", wrong({{"mark", "-1"}}));
    EXPECT_EQ("unknown: 'x'", wrong({{"x", "y"}}));
    EXPECT_EQ("source and destination are of different families",
              wrong({{"source", "10.0.0.9:1"}, {"destination", "[fd00::2]:80"}}));
}

TEST(Explanation, IsARoute) {
    Desk desk;
    desk.explain = [](const model::Question& question) -> Result<Explanation> {
        Explanation answer;
        answer.decision.question = question;
        return answer;
    };
    const std::string target =
        "/api/v1/explain?protocol=udp&source=10.0.0.9:1&destination=10.0.0.2:53";

    const Response good = answer({"GET", target}, desk);

    EXPECT_EQ(200, good.code);
    EXPECT_EQ(end("10.0.0.2:53"), parse_explanation(good.body)->decision.question.destination);
    EXPECT_EQ(405, answer({"POST", target}, desk).code);
    EXPECT_EQ(400, answer({"GET", "/api/v1/explain?source=x"}, desk).code);
}

}  // namespace
}  // namespace isobar::api
