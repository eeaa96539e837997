// SPDX-License-Identifier: Apache-2.0
#include "isobar/explain_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace isobar::cli {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

model::Endpoint end(const char* text) {
    return *model::Endpoint::parse(text);
}

Result<ExplainCommand> make(std::vector<std::string> words, const Given& given = {}) {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    return make_explain(given, "explain", pointers);
}

TEST(ExplainCommand, TakesAFiveTupleInItsForms) {
    const model::Question wanted{model::Protocol::Tcp, end("10.0.0.9:40000"), end("10.0.0.2:80")};
    EXPECT_EQ(wanted, make({"tcp", "10.0.0.9:40000", "10.0.0.2:80"})->question);
    EXPECT_EQ(wanted, make({"10.0.0.9:40000", "10.0.0.2:80"})->question);
    EXPECT_EQ(wanted, make({"tcp", "web", "10.0.0.9:40000", "10.0.0.2:80", "192.168.10.100:80",
                            "ESTABLISHED", "897", "s"})
                          ->question)
        << "a row of isobar conns";
    EXPECT_EQ(end("[fd00::2]:53"),
              make({"udp", "[fd00::9]:1", "[fd00::2]:53"})->question.destination);
    Given given;
    given.mark = "7";
    EXPECT_EQ(7U, make({"10.0.0.9:1", "10.0.0.2:80"}, given)->question.mark);
}

TEST(ExplainCommand, SaysWhatIsMissing) {
    const auto wrong = [](const std::vector<std::string>& words) {
        return make(words).error().message;
    };
    EXPECT_EQ("which packet? PROTOCOL CLIENT:PORT VIRTUAL:PORT", wrong({}));
    EXPECT_EQ("from which address:port, and to which?", wrong({"tcp"}));
    EXPECT_EQ("to which address:port?", wrong({"tcp", "10.0.0.9:1"}));
    EXPECT_EQ("'10.0.0.2' is no address:port", wrong({"tcp", "10.0.0.9:1", "10.0.0.2"}));
    EXPECT_EQ("protocol: 'icmp' is no protocol: tcp, udp, sctp",
              wrong({"icmp", "10.0.0.9:1", "10.0.0.2:80"}));
}

api::Explanation scheduled() {
    api::Explanation explanation;
    model::Decision& decision = explanation.decision;
    decision.question = {model::Protocol::Tcp, end("10.0.0.9:40000"), end("10.0.0.2:80")};
    decision.verdict = "forwarded";
    decision.meaning = "client packet, sent to its real server";
    decision.source_is = "unknown";
    decision.destination_is = "virtual";
    decision.service.emplace();
    decision.service->key = {model::Protocol::Tcp, end("10.0.0.2:80")};
    decision.service->found_by = "its address and port";
    decision.choice = {model::Scheduler::Wlc,
                       end("192.168.10.1:80"),
                       true,
                       "the least load",
                       {{end("192.168.10.1:80"), 1, 0, 3, 0, false, "load 3 / 1 = 3", ""},
                        {end("192.168.10.2:80"), 0, 5, 0, 0, false, "", "weight 0: ..."}}};
    decision.method = model::ForwardingMethod::Nat;
    decision.goes_to = end("192.168.10.1:80");
    decision.next_hop = {"eth1",
                         *model::Address::parse("192.168.10.1"),
                         true,
                         "52:54:00:00:00:01",
                         "reachable",
                         1500,
                         0};
    explanation.service = "web";
    explanation.standings = {{end("192.168.10.1:80"), "weight 1, up"},
                             {end("192.168.10.2:80"), "weight 0, drained by anna"},
                             {end("192.168.10.3:80"), "out, down: refused"}};
    return explanation;
}

TEST(ExplainCommand, TellsEachStep) {
    EXPECT_EQ(R"(tcp 10.0.0.9:40000 -> 10.0.0.2:80
  addresses   10.0.0.9 is unknown, 10.0.0.2 is virtual
  connection  not known
  service     web (TCP 10.0.0.2:80), found by its address and port
  scheduler   wlc: 192.168.10.1:80, the least load
     SERVER           WEIGHT  ACTIVE  INACTIVE  COMPARED        WHY NOT
  >  192.168.10.1:80  1       0       3         load 3 / 1 = 3
     192.168.10.2:80  0       5       0                         weight 0, drained by anna
     192.168.10.3:80  -       -       -                         out, down: refused
  way         nat to 192.168.10.1:80, via eth1, at 52:54:00:00:00:01 (reachable), MTU 1500
  verdict     forwarded: client packet, sent to its real server
)",
              explanation_text(scheduled(), Colours::Off));
}

TEST(ExplainCommand, TellsAKnownConnection) {
    api::Explanation known = scheduled();
    known.decision.service.reset();
    known.decision.choice.reset();
    known.decision.connection = {false,
                                 end("10.0.0.9:40000"),
                                 end("10.0.0.2:80"),
                                 end("192.168.10.1:80"),
                                 model::ForwardingMethod::Nat,
                                 "ESTABLISHED",
                                 seconds(897),
                                 {},
                                 "template",
                                 ""};

    const std::string text = explanation_text(known, Colours::Off);

    EXPECT_THAT(text, HasSubstr("  connection  known, ESTABLISHED, 897 s left; 10.0.0.9:40000 at "
                                "10.0.0.2:80, server 192.168.10.1:80 by nat; under a template\n"));
    EXPECT_THAT(text, Not(HasSubstr("scheduler")));
}

TEST(ExplainCommand, TellsTheTemplateAndTheDoubts) {
    api::Explanation explanation = scheduled();
    explanation.decision.service->persistence = model::Persistence{seconds(300), 24};
    explanation.decision.doubts = {"a tc filter may give it a mark: --mark"};
    EXPECT_THAT(
        explanation_text(explanation, Colours::Off),
        HasSubstr("  template    none for 10.0.0.0/24: its server will be kept for 300 s\n"));
    EXPECT_THAT(explanation_text(explanation, Colours::Off),
                HasSubstr("  but         a tc filter may give it a mark: --mark\n"));

    explanation.decision.known_template = {end("192.168.10.1:80"), "ASSURED", seconds(99), 3};
    EXPECT_THAT(explanation_text(explanation, Colours::Off),
                HasSubstr("  template    10.0.0.0/24 stays with 192.168.10.1:80, 99 s left, 3 "
                          "connection(s), ASSURED\n"));
}

}  // namespace
}  // namespace isobar::cli
