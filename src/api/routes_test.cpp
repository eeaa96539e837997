// SPDX-License-Identifier: Apache-2.0
#include "api/routes.h"

#include <gtest/gtest.h>

namespace isobar::api {
namespace {

Result<Status> some_status() {
    Status status;
    status.program = "isobard 0.1.0";
    return status;
}

TEST(Routes, StatusIsTheReport) {
    const Response response = answer({"GET", "/api/v1/status?pretty"}, some_status);

    EXPECT_EQ(response.code, 200);
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(parse_status(response.body).value().program, "isobard 0.1.0");
}

TEST(Routes, StatusThatCannotBeReadIsUnavailable) {
    const Response response = answer({"GET", "/api/v1/status"}, []() -> Result<Status> {
        return failure(Fault::System, "map: Bad file descriptor");
    });

    EXPECT_EQ(response.code, 503);
    EXPECT_EQ(problem_detail(response.body), "map: Bad file descriptor");
}

TEST(Routes, HealthDoesNotAskTheDataPlane) {
    const Response response =
        answer({"GET", "/healthz"}, []() -> Result<Status> { return failure(Fault::System, ""); });

    EXPECT_EQ(response.code, 200);
    EXPECT_EQ(response.body, R"({"status":"ok"})");
}

TEST(Routes, AllElseIsAProblem) {
    for (const char* target : {"/", "", "/api/v1/status/", "/api/v2/status", "/\xff"}) {
        const Response response = answer({"GET", target}, some_status);

        EXPECT_EQ(response.code, 404) << target;
        EXPECT_EQ(response.content_type, "application/problem+json") << target;
    }
    EXPECT_EQ(answer({"GET", "/api/v1/x"}, some_status).body,
              R"({"type":"about:blank","title":"Not Found","status":404,)"
              R"("detail":"there is no /api/v1/x"})");
}

TEST(Routes, OtherMethodsAreRefusedWithThoseThereAre) {
    const Response response = answer({"DELETE", "/api/v1/status"}, some_status);

    EXPECT_EQ(response.code, 405);
    EXPECT_EQ(response.allow, "GET");
}

const model::Address kReal = *model::Address::parse("192.168.10.100");

Result<RealServer> nothing_for(const model::Address& address) {
    return RealServer{address, {}};
}

TEST(ProblemDetail, OfWhatIsNoProblemIsAll) {
    for (const char* body : {"", "<html>", "[]", "{}", R"({"detail":7})", R"("detail")"})
        EXPECT_EQ(problem_detail(body), body);
}

TEST(AgentRoutes, RealServerIsWhoAsks) {
    const Response response = answer_agent({"GET", "/api/v1/real-server", kReal}, nothing_for);

    EXPECT_EQ(response.code, 200);
    EXPECT_EQ(parse_real_server(response.body).value().address, kReal);
}

TEST(AgentRoutes, AllElseIsAProblem) {
    for (const char* target : {"/", "/healthz", "/api/v1/status", "/api/v1/real-server/"})
        EXPECT_EQ(answer_agent({"GET", target, kReal}, nothing_for).code, 404) << target;
    EXPECT_EQ(answer_agent({"GET", "/api/v1/real-server"}, nothing_for).code, 404);
    EXPECT_EQ(answer_agent({"POST", "/api/v1/real-server", kReal}, nothing_for).code, 405);
}

TEST(AgentRoutes, WhatCannotBeReadIsUnavailable) {
    const Response response = answer_agent(
        {"GET", "/api/v1/real-server", kReal},
        [](const model::Address&) -> Result<RealServer> { return failure(Fault::System, "map"); });

    EXPECT_EQ(response.code, 503);
}

}  // namespace
}  // namespace isobar::api
