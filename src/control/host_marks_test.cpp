// SPDX-License-Identifier: Apache-2.0
// The rule sets are what nft 1.0.6 and iptables 1.8.9 print.
#include "control/host_marks.h"

#include <gtest/gtest.h>

#include "control/mark_match.h"

namespace isobar::control {
namespace {

using model::Family;
using model::MarkRule;
using model::Network;
using model::Protocol;

const Network kAll4{{Family::V4, {}}, 0};
const Network kAll6{{Family::V6, {}}, 0};

Network network(const char* text) {
    return parse_filter_network(text).value();
}

// A ruleset with one chain at prerouting, and these rules in it.
std::string ruleset(std::string_view rules, std::string_view family = "ip") {
    const std::string where = "\"family\": \"" + std::string(family) + "\", \"table\": \"mangle\"";
    std::string text = R"({"nftables": [{"metainfo": {"json_schema_version": 1}}, {"chain": {)" +
                       where +
                       R"(, "name": "pre", "type": "filter", "hook": "prerouting", "prio": -150}})";
    int handle = 2;
    for (std::size_t at = 0; at < rules.size();) {
        const auto end = std::min(rules.find('\n', at), rules.size());
        text += ", {\"rule\": {" + where + R"(, "chain": "pre", "handle": )" +
                std::to_string(handle++) + R"(, "expr": [)" +
                std::string(rules.substr(at, end - at)) + "]}}";
        at = end + 1;
    }
    return text + "]}";
}

constexpr const char* kToVip =
    R"({"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}},
        "right": "10.0.0.2"}}, )";
constexpr const char* kMark1 = R"({"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}})";

std::string match(const char* left, const char* right) {
    return std::string(R"({"match": {"op": "==", "left": )") + left + R"(, "right": )" + right +
           "}}, ";
}

HostMarks nft(std::string_view rules, std::string_view family = "ip") {
    std::string lines;
    for (const char c : rules) lines += c;
    auto marks = parse_nft(ruleset(lines, family));
    EXPECT_TRUE(marks.has_value()) << marks.error().message;
    return marks.value_or(HostMarks{});
}

std::string one_line(std::string text) {
    std::erase(text, '\n');
    return text;
}

constexpr const char* kTcpPort = R"({"payload": {"protocol": "tcp", "field": "dport"}})";

TEST(Nft, APortOfAnAddress) {
    const auto marks = nft(one_line(kToVip + match(kTcpPort, "80") + kMark1));

    EXPECT_EQ(marks.rules,
              (std::vector{MarkRule{Protocol::Tcp, kAll4, network("10.0.0.2"), 80, 80, 1}}));
    EXPECT_TRUE(marks.untold.empty());
}

TEST(Nft, SetsAndRangesBecomeSeveralRules) {
    const auto marks =
        nft(one_line(match(R"({"meta": {"key": "l4proto"}})", R"({"set": ["tcp", "udp"]})") +
                     match(R"({"payload": {"protocol": "ip", "field": "saddr"}})",
                           R"({"prefix": {"addr": "10.1.0.0", "len": 16}})") +
                     match(R"({"payload": {"protocol": "th", "field": "dport"}})",
                           R"({"set": [53, {"range": [5000, 5100]}]})") +
                     R"({"counter": {"packets": 0, "bytes": 0}}, )" + kMark1));

    const auto from = network("10.1.0.0/16");
    EXPECT_EQ(marks.rules, (std::vector{
                               MarkRule{Protocol::Udp, from, kAll4, 5000, 5100, 1},
                               MarkRule{Protocol::Udp, from, kAll4, 53, 53, 1},
                               MarkRule{Protocol::Tcp, from, kAll4, 5000, 5100, 1},
                               MarkRule{Protocol::Tcp, from, kAll4, 53, 53, 1},
                           }));
}

TEST(Nft, TheLastRuleThatFitsCountsSoItComesFirst) {
    const auto marks =
        nft(one_line(kToVip + std::string(kMark1)) + "\n" +
            one_line(kToVip + match(kTcpPort, "80") +
                     R"({"mangle": {"key": {"meta": {"key": "mark"}}, "value": 2}})"));

    ASSERT_EQ(marks.rules.size(), 2U);
    EXPECT_EQ(marks.rules[0].mark, 2U);
    EXPECT_EQ(marks.rules[1].mark, 1U);
}

TEST(Nft, ATableOfBothFamiliesMarksBoth) {
    const auto marks = nft(one_line(match(kTcpPort, "25") + kMark1), "inet");

    EXPECT_EQ(marks.rules, (std::vector{MarkRule{Protocol::Tcp, kAll6, kAll6, 25, 25, 1},
                                        MarkRule{Protocol::Tcp, kAll4, kAll4, 25, 25, 1}}));
}

TEST(Nft, WhatCannotBeToldIsNamed) {
    for (const std::string& rule : {
             match(R"({"meta": {"key": "iifname"}})", R"("eth0")") + kMark1,
             match(R"({"payload": {"protocol": "tcp", "field": "sport"}})", "80") + kMark1,
             one_line(R"({"mangle": {"key": {"meta": {"key": "mark"}},
                          "value": {"|": [{"meta": {"key": "mark"}}, 16]}}})"),
             std::string(R"({"limit": {"rate": 1, "per": "second"}}, )") + kMark1,
             kMark1 + std::string(R"(, {"accept": null})"),
             std::string(R"({"match": {"op": "!=", "left": )") + kTcpPort + R"(, "right": 80}}, )" +
                 kMark1,
         }) {
        const auto marks = nft(rule);

        EXPECT_TRUE(marks.rules.empty()) << rule;
        EXPECT_EQ(marks.untold, std::vector<std::string>{"nft rule ip mangle pre handle 2"})
            << rule;
    }
}

TEST(Nft, RulesThatSetNoMarkAreNoneOfOurs) {
    const auto marks = nft(
        one_line(match(R"({"meta": {"key": "iifname"}})", R"("eth0")") + R"({"accept": null})"));

    EXPECT_EQ(marks, HostMarks{});
}

TEST(Nft, AChainThatIsJumpedToCannotBeTold) {
    std::string text = ruleset(kMark1);
    text.replace(text.find(R"("chain": "pre")"), 14, R"("chain": "web")");

    const auto marks = parse_nft(text);

    ASSERT_TRUE(marks.has_value());
    EXPECT_TRUE(marks->rules.empty());
    EXPECT_EQ(marks->untold, std::vector<std::string>{"nft rule ip mangle web handle 2"});
}

TEST(Nft, MarksOfOtherHooksAreNotForUs) {
    std::string text = ruleset(kMark1);
    text.replace(text.find("prerouting"), 10, "output");

    EXPECT_EQ(parse_nft(text).value(), HostMarks{});
}

TEST(Nft, AnythingElseIsAnError) {
    for (const char* text : {"", "x", "[]", "{}", R"({"nftables": [{"rule": {}}]})",
                             R"({"nftables": [{"chain": {"hook": "prerouting"}}]})"}) {
        const auto marks = parse_nft(text);

        ASSERT_FALSE(marks.has_value()) << text;
        EXPECT_EQ(marks.error().fault, Fault::Invalid);
    }
}

HostMarks iptables(const std::string& rules) {
    return parse_iptables("*mangle\n:PREROUTING ACCEPT [0:0]\n" + rules + "COMMIT\n", Family::V4);
}

TEST(Iptables, PortsOfAnAddress) {
    const auto marks = iptables(
        "-A PREROUTING -d 10.0.0.2/32 -p tcp -m multiport --dports 80,8000:8010 "
        "-j MARK --set-xmark 0x9/0xffffffff\n");

    const auto vip = network("10.0.0.2");
    EXPECT_EQ(marks.rules, (std::vector{MarkRule{Protocol::Tcp, kAll4, vip, 8000, 8010, 9},
                                        MarkRule{Protocol::Tcp, kAll4, vip, 80, 80, 9}}));
    EXPECT_TRUE(marks.untold.empty());
}

TEST(Iptables, ARuleOfANetworkAndOfAllPorts) {
    const auto marks = iptables(
        "-A PREROUTING -s 10.1.0.0/255.255.0.0 -d 10.0.0.0/24 -j MARK --set-xmark "
        "0x1/0xffffffff\n");

    EXPECT_EQ(marks.rules, (std::vector{MarkRule{Protocol::Any, network("10.1.0.0/16"),
                                                 network("10.0.0.0/24"), 0, 65535, 1}}));
}

TEST(Iptables, WhatCannotBeToldIsNamed) {
    for (const std::string rule : {
             "-A PREROUTING -i eth0 -j MARK --set-xmark 0x1/0xffffffff",
             "-A PREROUTING ! -d 10.0.0.2/32 -j MARK --set-xmark 0x1/0xffffffff",
             "-A PREROUTING -p tcp -m tcp --sport 80 -j MARK --set-xmark 0x1/0xffffffff",
             "-A PREROUTING -j MARK --set-xmark 0x1/0xff",
             "-A PREROUTING -p icmp -j MARK --set-xmark 0x1/0xffffffff",
             "-A web -j MARK --set-xmark 0x1/0xffffffff",
         }) {
        const auto marks = iptables(rule + "\n");

        EXPECT_TRUE(marks.rules.empty()) << rule;
        EXPECT_EQ(marks.untold, std::vector<std::string>{"iptables rule " + rule});
    }
}

TEST(Iptables, OtherRulesAndChainsAreNoneOfOurs) {
    EXPECT_EQ(iptables("-A PREROUTING -i eth0 -j ACCEPT\n"
                       "-A OUTPUT -j MARK --set-xmark 0x1/0xffffffff\n"),
              HostMarks{});
    EXPECT_EQ(parse_iptables("", Family::V4), HostMarks{});
}

TEST(FilterNetwork, IsReadAsTheToolsWriteIt) {
    for (const auto& [text, expected] : {std::pair{"10.0.0.2", "10.0.0.2/32"},
                                         {"10.0.0.9/24", "10.0.0.0/24"},
                                         {"10.0.0.0/255.255.254.0", "10.0.0.0/23"},
                                         {"0.0.0.0/0.0.0.0", "0.0.0.0/0"},
                                         {"fd00::/8", "fd00::/8"}}) {
        const auto network = parse_filter_network(text);

        ASSERT_TRUE(network.has_value()) << text;
        EXPECT_EQ(network->text(), expected);
    }
    for (const char* text : {"", "eth0", "10.0.0.0/33", "10.0.0.0/255.0.255.0", "10.0.0.0/",
                             "10.0.0.0/fd00::", "fd00::/129"})
        EXPECT_FALSE(parse_filter_network(text).has_value()) << text;
}

}  // namespace
}  // namespace isobar::control
