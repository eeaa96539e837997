// SPDX-License-Identifier: Apache-2.0
#include "api/config_desk.h"

#include <gtest/gtest.h>

#include "api/routes.h"

namespace isobar::api {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

VersionView version_7() {
    return {{7, sys_seconds(seconds(60)), "anna", "a \"word\"", "/x.toml"}, true, true, "text"};
}

TEST(ConfigDesk, RequestsAreReadAsTheyAreWritten) {
    const ConfigRequest request{"[[service]]\n", "/x.toml", "why", "", 7, seconds(60)};
    const auto read = parse_config_request(request_json(request)).value();
    EXPECT_EQ(read.text, request.text);
    EXPECT_EQ(read.from, request.from);
    EXPECT_EQ(read.why, request.why);
    EXPECT_EQ(read.if_version, request.if_version);
    EXPECT_EQ(read.confirm, request.confirm);

    const auto rollback = parse_rollback_request(request_json(RollbackRequest{3, "why", ""}));
    EXPECT_EQ(rollback.value().version, 3U);
    EXPECT_EQ(parse_rollback_request("{}").value().version, std::nullopt);
}

TEST(ConfigDesk, BadRequestsAreRefused) {
    for (const char* json :
         {"", "{}", "[]", R"({"text":1,"from":"x"})", R"({"text":"x"})",
          R"({"text":"x","from":"x","confirm":0})", R"({"text":"x","from":"x","confirm":-5})",
          R"({"text":"x","from":"x","confirm":"60s"})",
          R"({"text":"x","from":"x","confirm":86401})"})
        EXPECT_FALSE(parse_config_request(json)) << json;
    EXPECT_FALSE(parse_config_request(
        request_json(ConfigRequest{"x", std::string(2000, 'x'), "", "", {}, {}})));
    EXPECT_FALSE(parse_rollback_request("x"));
}

TEST(ConfigDesk, AnswersAreReadAsTheyAreWritten) {
    const PlanView plan{7,
                        {{config::Step::Added, "service web", "server 1", "", "{}"},
                         {config::Step::Changed, "director", "hook", "a", "b"}},
                        {{"removed", 5, 0}, {"quiesced", 2, 3}}};
    const auto read = parse_plan(plan_json(plan)).value();
    EXPECT_EQ(read.differences, plan.differences);
    EXPECT_EQ(read.effects, plan.effects);
    EXPECT_EQ(read.ends(), 7U);

    const AppliedView applied{8, {"one", "two"}, sys_seconds(seconds(60))};
    const auto told = parse_applied(applied_json(applied)).value();
    EXPECT_EQ(told.version, 8U);
    EXPECT_EQ(told.changes, applied.changes);
    EXPECT_EQ(told.goes_back_at, applied.goes_back_at);

    const auto versions = parse_versions(versions_json({version_7()})).value();
    EXPECT_EQ(versions.at(0).version, version_7().version);
    EXPECT_EQ(versions.at(0).text, "");
    EXPECT_EQ(parse_version(version_json(version_7())).value().text, "text");
    EXPECT_FALSE(parse_plan("[]"));
    EXPECT_FALSE(parse_version("{"));
}

Desk desk() {
    Desk desk;
    desk.config.plan = [](const ConfigRequest&) -> Result<PlanView> { return PlanView{7, {}, {}}; };
    desk.config.apply = [](const ConfigRequest& request) -> Result<AppliedView> {
        if (request.text == "bad") return failure(Fault::Invalid, "x.toml:1:1: bad");
        if (request.text == "full") return failure(Fault::Full, "No space left on device");
        return AppliedView{8, {request.by}, {}};
    };
    desk.config.roll_back = [](const RollbackRequest& request) -> Result<AppliedView> {
        return AppliedView{request.version.value_or(6), {}, {}};
    };
    desk.config.confirm = []() -> Result<AppliedView> { return failure(Fault::Exists, "not now"); };
    desk.config.list = [] { return std::vector{version_7()}; };
    desk.config.version = [](std::uint32_t number) -> Result<VersionView> {
        if (number == 0 || number == 7) return version_7();
        return failure(Fault::NotFound, "there is no such version");
    };
    return desk;
}

Response ask(std::string method, std::string target, std::string body = {}) {
    return answer({std::move(method),
                   "/api/v1/config" + target,
                   {},
                   std::move(body),
                   [] { return std::string("anna"); }},
                  desk());
}

TEST(ConfigRoutes, EachGoesToItsDesk) {
    EXPECT_EQ(parse_version(ask("GET", "").body).value().text, "text");
    EXPECT_EQ(parse_version(ask("GET", "/versions/7").body).value().version.number, 7U);
    EXPECT_EQ(parse_versions(ask("GET", "/versions").body).value().size(), 1U);
    EXPECT_EQ(parse_plan(ask("POST", "/plan", R"({"text":"x","from":"y"})").body).value().version,
              7U);
    const auto applied = parse_applied(ask("POST", "", R"({"text":"x","from":"y"})").body).value();
    EXPECT_EQ(applied.changes, std::vector<std::string>{"anna"});
    EXPECT_EQ(parse_applied(ask("POST", "/rollback", "{}").body).value().version, 6U);
}

TEST(ConfigRoutes, WhatCannotBeHasACodeOfItsOwn) {
    EXPECT_EQ(ask("POST", "", R"({"text":"bad","from":"y"})").code, 422);
    EXPECT_EQ(ask("POST", "", R"({"text":"full","from":"y"})").code, 507);
    EXPECT_EQ(ask("POST", "", "no JSON").code, 400);
    EXPECT_EQ(ask("POST", "/confirm", "{}").code, 409);
    for (const char* target : {"/versions/8", "/versions/0", "/versions/x", "/versions/", "x", "/"})
        EXPECT_EQ(ask("GET", target).code, 404) << target;
    EXPECT_EQ(ask("GET", "/plan").code, 405);
    EXPECT_EQ(ask("DELETE", "").allow, "GET, POST");
    EXPECT_EQ(ask("POST", "/versions/7").code, 405);
}

}  // namespace
}  // namespace isobar::api
