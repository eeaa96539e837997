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

Result<ServerStanding> no_such_server(const WishRequest& /*request*/) {
    return failure(Fault::NotFound, "there is no service 'x'");
}

Result<HealthView> health_of(const std::string& service, const model::Endpoint& server) {
    if (service != "web") return failure(Fault::NotFound, "there is no service '" + service + "'");
    return HealthView{service, server.text(), "weight 1, up", {}};
}

const Desk kDesk{some_status, no_such_server, health_of};

Desk with_status(std::function<Result<Status>()> status) {
    return {std::move(status), no_such_server, health_of};
}

TEST(Routes, StatusIsTheReport) {
    const Response response = answer({"GET", "/api/v1/status?pretty"}, kDesk);

    EXPECT_EQ(response.code, 200);
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(parse_status(response.body).value().program, "isobard 0.1.0");
}

TEST(Routes, StatusThatCannotBeReadIsUnavailable) {
    const Response response = answer({"GET", "/api/v1/status"}, with_status([]() -> Result<Status> {
                                         return failure(Fault::System, "map: Bad file descriptor");
                                     }));

    EXPECT_EQ(response.code, 503);
    EXPECT_EQ(problem_detail(response.body), "map: Bad file descriptor");
}

TEST(Routes, HealthDoesNotAskTheDataPlane) {
    const Response response =
        answer({"GET", "/healthz"},
               with_status([]() -> Result<Status> { return failure(Fault::System, ""); }));

    EXPECT_EQ(response.code, 200);
    EXPECT_EQ(response.body, R"({"status":"ok"})");
}

TEST(Routes, AllElseIsAProblem) {
    for (const char* target : {"/", "", "/api/v1/status/", "/api/v2/status", "/\xff"}) {
        const Response response = answer({"GET", target}, kDesk);

        EXPECT_EQ(response.code, 404) << target;
        EXPECT_EQ(response.content_type, "application/problem+json") << target;
    }
    EXPECT_EQ(answer({"GET", "/api/v1/x"}, kDesk).body,
              R"({"type":"about:blank","title":"Not Found","status":404,)"
              R"("detail":"there is no /api/v1/x"})");
}

TEST(Routes, OtherMethodsAreRefusedWithThoseThereAre) {
    const Response response = answer({"DELETE", "/api/v1/status"}, kDesk);

    EXPECT_EQ(response.code, 405);
    EXPECT_EQ(response.allow, "GET");
}

Response post(const std::string& body, const Desk& desk = kDesk) {
    Request request{"POST", "/api/v1/wishes"};
    request.body = body;
    request.user = [] { return "anna"; };
    return answer(request, desk);
}

TEST(Routes, AWishGoesToTheDirectorWithWhoSaidIt) {
    WishRequest got;
    const Desk desk{some_status,
                    [&](const WishRequest& request) -> Result<ServerStanding> {
                        got = request;
                        return ServerStanding{request.server, true, 0, 3, "drained by hand"};
                    },
                    health_of};

    const auto response = post(
        R"({"service":"web","server":"10.1.1.1:80","wish":"drain","weight":null,"why":"disk"})",
        desk);

    EXPECT_EQ(response.code, 200);
    EXPECT_EQ(parse_standing(response.body).value().reason, "drained by hand");
    EXPECT_EQ(got.service, "web");
    EXPECT_EQ(got.server.port, 80);
    EXPECT_EQ(got.wish, control::Wish::Drain);
    EXPECT_TRUE(got.weight.has_value() && !got.weight->has_value());
    EXPECT_EQ(got.why, "disk");
    EXPECT_EQ(got.by, "anna");
    EXPECT_EQ(parse_wish(wish_json(got)).value().text(), "drain, weight auto");
}

TEST(Routes, HealthIsThatOfTheServerThatIsNamed) {
    const auto got = answer({"GET", "/api/v1/health/web/10.1.1.1:80"}, kDesk);
    EXPECT_EQ(got.code, 200);
    EXPECT_EQ(parse_health(got.body).value().server, "10.1.1.1:80");
    EXPECT_EQ(answer({"GET", "/api/v1/health/web/[fd00::1]:80"}, kDesk).code, 200);
    EXPECT_EQ(answer({"GET", "/api/v1/health/x/10.1.1.1"}, kDesk).code, 404);
    EXPECT_EQ(answer({"GET", "/api/v1/health/web"}, kDesk).code, 404);
    EXPECT_EQ(answer({"GET", "/api/v1/health/web/here"}, kDesk).code, 400);
    EXPECT_EQ(answer({"POST", "/api/v1/health/web/10.1.1.1"}, kDesk).code, 405);
}

TEST(Routes, ACheckIsAnsweredWhenItIsDone) {
    CheckRequest got;
    std::function<void(std::vector<HealthView>)> done;
    Desk desk = kDesk;
    desk.check = [&](const CheckRequest& request) -> Result<Checking> {
        got = request;
        if (request.service != "web") return failure(Fault::NotFound, "there is no service");
        return [&](auto found) {
            done = found;
            return std::chrono::milliseconds(700);
        };
    };
    const auto check = [&](const std::string& body) {
        Request request{"POST", "/api/v1/checks"};
        request.body = body;
        return answer(request, desk);
    };

    const auto response = check(R"({"service":"web","server":"10.1.1.1:80"})");
    ASSERT_TRUE(response.later);
    Response brought;
    const auto patience = response.later([&](Response answer) { brought = std::move(answer); });
    done({HealthView{"web", "10.1.1.1:80", "weight 1, up", {}}});

    EXPECT_EQ(patience, std::chrono::milliseconds(700));
    EXPECT_EQ(parse_healths(brought.body).value().at(0).standing, "weight 1, up");
    EXPECT_EQ(got.server->text(), "10.1.1.1:80");
    EXPECT_EQ(parse_check(check_json(got)).value().server, got.server);
    EXPECT_TRUE(check(R"({"service":"web"})").later);
    EXPECT_FALSE(got.server);
    EXPECT_EQ(check(R"({"service":"x"})").code, 404);
    for (const char* body : {"", "[]", "{}", R"({"service":1})", R"({"service":"web","server":7})",
                             R"({"service":"web","server":"here"})"})
        EXPECT_EQ(check(body).code, 400) << body;
    EXPECT_EQ(answer({"GET", "/api/v1/checks"}, desk).allow, "POST");
}

TEST(Routes, EventsAreToldOrWaitedFor) {
    control::EventLog log;
    const auto say = [](std::string_view) {};
    log.note(say, {control::Event::Kind::Down, "web", "10.1.1.1:80", "down: refused"});
    Desk desk = kDesk;
    desk.events = [&] { return &log; };
    const auto get = [&](const char* query) {
        return answer({"GET", std::string("/api/v1/events") + query}, desk);
    };

    const auto first = parse_events(get("").body).value();
    EXPECT_EQ(first.last, 1U);
    EXPECT_EQ(first.events, log.after(0, 9));
    EXPECT_FALSE(get("?after=0&wait=5").later) << "there is one";

    const auto waiting = get("?after=1&wait=5");
    ASSERT_TRUE(waiting.later);
    EXPECT_TRUE(parse_events(waiting.body).value().events.empty()) << "the answer if none comes";
    Response brought;
    EXPECT_EQ(waiting.later([&](Response response) { brought = std::move(response); }),
              std::chrono::seconds(5));
    log.note(say, {control::Event::Kind::Up, "web", "10.1.1.1:80", "up"});
    EXPECT_EQ(parse_events(brought.body).value().events.at(0).text, "up");

    for (const char* query : {"?after=x", "?limit=0", "?limit=1001", "?wait=31", "?colour=red"})
        EXPECT_EQ(get(query).code, 400) << query;
    EXPECT_EQ(answer({"POST", "/api/v1/events"}, desk).allow, "GET");
}

TEST(Routes, AWishThatIsNoneIsRefused) {
    for (const char* body :
         {"", "[]", "{}", R"({"service":"web"})", R"({"service":"web","server":"10.1.1.1"})",
          R"({"service":"web","server":"here","wish":"drain"})",
          R"({"service":"web","server":"10.1.1.1","wish":"dance"})",
          R"({"service":"web","server":"10.1.1.1","weight":-1})",
          R"({"service":"web","server":"10.1.1.1","weight":4294967295})",
          R"({"service":1,"server":"10.1.1.1","wish":"drain"})"})
        EXPECT_EQ(post(body).code, 400) << body;
    EXPECT_EQ(post(R"({"service":"x","server":"10.1.1.1","wish":"up"})").code, 404);
    EXPECT_EQ(answer({"GET", "/api/v1/wishes"}, kDesk).allow, "POST");
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
