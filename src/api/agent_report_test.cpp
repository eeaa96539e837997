// SPDX-License-Identifier: Apache-2.0
#include "api/agent_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "api/routes.h"

namespace isobar::api {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr std::chrono::sys_seconds kNow{std::chrono::seconds(1'700'000'000)};
const model::Address kReal = *model::Address::parse("10.0.0.11");

AgentReport some_report() {
    return {.address = {},
            .at = {},
            .host = "real1",
            .findings = {{"arp_ignore of eth0 is 0", "why \"so\"", "sysctl -w a=1"}},
            .gateways = {*model::Address::parse("10.0.0.1"), *model::Address::parse("fe80::1")}};
}

TEST(AgentReport, ComesBackAsItWasSaid) {
    const auto said = some_report();
    EXPECT_EQ(parse_agent_report(agent_report_json(said)).value(), said);

    auto heard = said;
    heard.address = kReal;
    heard.at = kNow;
    EXPECT_EQ(parse_agent_reports(agent_reports_json({heard})).value(), std::vector{heard});
}

TEST(AgentReport, WhatIsTooMuchOrNoneIsRefused) {
    const auto error = [](std::string_view json) {
        const auto parsed = parse_agent_report(json);
        return parsed ? "" : parsed.error().message;
    };
    const auto document = [](const std::string& findings, const std::string& host = "x") {
        return fmt::format(R"({{"version":1,"host":"{}","findings":{},"gateways":[]}})", host,
                           findings);
    };

    EXPECT_EQ(error(document("[]")), "");
    for (const char* bad : {"", "[]", "{", R"({"version":1})", R"({"version":"1"})"})
        EXPECT_NE(error(bad), "") << bad;
    EXPECT_THAT(error(R"({"version":2})"), HasSubstr("version 2, not 1"));
    EXPECT_THAT(error(document("{}")), HasSubstr("findings is no list of at most 64"));
    std::string many = "[";
    for (std::size_t i = 0; i <= kMostFindings; ++i)
        many += std::string(i == 0 ? "" : ",") + R"({"what":"","why":"","fix":""})";
    EXPECT_THAT(error(document(many + "]")), HasSubstr("no list of at most 64"));
    EXPECT_THAT(error(document(R"([{"what":1,"why":"","fix":""}])")), HasSubstr("type"));
    EXPECT_THAT(error(document("[]", std::string(kLongestFinding + 1, 'x'))),
                HasSubstr("host is longer than 1024 bytes"));
    EXPECT_THAT(error(std::string(kLongestAgentReport + 1, ' ')), HasSubstr("too long"));
    EXPECT_THAT(error(R"({"version":1,"host":"","findings":[],"gateways":["here"]})"),
                HasSubstr("no address"));
}

TEST(AgentReports, TheLastOfEachIsKeptForAWhile) {
    AgentReports reports;
    auto report = some_report();
    report.address = kReal;
    report.at = kNow;
    reports.take(report);
    report.findings.clear();
    reports.take(report);

    ASSERT_THAT(reports.at(kNow), SizeIs(1));
    EXPECT_TRUE(reports.at(kNow)[0].findings.empty());
    EXPECT_THAT(reports.at(kNow + AgentReports::kKept + std::chrono::seconds(1)), SizeIs(0));
}

TEST(AgentReports, OfTooManyTheOldestGoes) {
    AgentReports reports;
    for (std::size_t i = 0; i <= AgentReports::kMost; ++i) {
        AgentReport report;
        report.address = model::Address::v4(10, 1, static_cast<std::uint8_t>(i >> 8),
                                            static_cast<std::uint8_t>(i));
        report.at = kNow + std::chrono::seconds(i == 0 ? 0 : 1);
        reports.take(report);
    }
    const auto kept = reports.at(kNow);
    EXPECT_THAT(kept, SizeIs(AgentReports::kMost));
    EXPECT_EQ(kept.front().address, model::Address::v4(10, 1, 0, 1));
}

TEST(AgentRoutes, OnlyRealServersAreListenedTo) {
    std::vector<AgentReport> heard;
    const auto post = [&](const std::string& body, bool serves) {
        return answer_agent(
            {"POST", "/api/v1/real-server", kReal, body},
            [&](const model::Address& address) -> Result<RealServer> {
                RealServer told{address, {}};
                if (serves) told.services.emplace_back();
                return told;
            },
            [&](AgentReport report) { heard.push_back(std::move(report)); });
    };

    EXPECT_EQ(post(agent_report_json(some_report()), false).code, 200);
    EXPECT_THAT(heard, SizeIs(0));
    EXPECT_EQ(post("{", true).code, 400);
    EXPECT_THAT(heard, SizeIs(0));
    EXPECT_EQ(post(agent_report_json(some_report()), true).code, 200);
    ASSERT_THAT(heard, SizeIs(1));
    EXPECT_EQ(heard[0].address, kReal);
}

}  // namespace
}  // namespace isobar::api
