// SPDX-License-Identifier: Apache-2.0
#include "api/routes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/text.h"
#include "control/wishes.h"

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kHealth = "/api/v1/health/";

std::string path_of(const Request& request) {
    return request.target.substr(0, request.target.find('?'));
}

Response not_found(const std::string& path) {
    return problem(404, "Not Found", fmt::format("there is no {}", path));
}

Response wrong_method(const std::string& path, std::string allowed) {
    Response response =
        problem(405, "Method Not Allowed", fmt::format("{} takes {} only", path, allowed));
    response.allow = std::move(allowed);
    return response;
}

Response refusal(const Error& error) {
    switch (error.fault) {
        case Fault::NotFound:
            return problem(404, "Not Found", error.message);
        case Fault::Invalid:
        case Fault::OutOfRange:
            return problem(400, "Bad Request", error.message);
        case Fault::Exists:
            return problem(409, "Conflict", error.message);
        case Fault::Full:
            return problem(507, "Insufficient Storage", error.message);
        default:
            return problem(503, "Service Unavailable", error.message);
    }
}

Response unavailable(const Error& error) {
    return problem(503, "Service Unavailable", error.message);
}

Response status_response(const Desk& desk) {
    const auto status = desk.status();
    if (!status) return unavailable(status.error());
    return {.body = status_json(*status)};
}

Response wish_response(const Request& request, const Desk& desk) {
    auto wish = parse_wish(request.body);
    if (!wish) return refusal(wish.error());
    wish->by = request.user();
    const auto standing = desk.wish(*wish);
    if (!standing) return refusal(standing.error());
    return {.body = standing_json(*standing)};
}

Response check_response(const Request& request, const Desk& desk) {
    const auto wanted = parse_check(request.body);
    if (!wanted) return refusal(wanted.error());
    auto checking = desk.check(*wanted);
    if (!checking) return refusal(checking.error());
    Response response;
    response.later = [check = *std::move(checking)](const Answering& answer) {
        return check([answer](const std::vector<HealthView>& servers) {
            answer({.body = healths_json(servers)});
        });
    };
    return response;
}

Response connections_response(const Request& request, const Desk& desk) {
    auto listing =
        parse_query(request.target)
            .and_then(ConnectionQuery::parse)
            .and_then([&](const ConnectionQuery& query) { return desk.connections(query); });
    if (!listing) return refusal(listing.error());
    Response response;
    response.later = [list = *std::move(listing)](const Answering& answer) {
        return list([answer](Result<std::string> json) {
            answer(json ? Response{.body = *std::move(json)} : unavailable(json.error()));
        });
    };
    return response;
}

Response events_response(const Request& request, const Desk& desk) {
    const auto query = parse_query(request.target).and_then(EventQuery::parse);
    if (!query) return refusal(query.error());
    control::EventLog* const log = desk.events();
    const auto body = [log, query = *query] {
        return events_json({log->last(), log->after(query.after, query.limit)});
    };
    Response response{.body = body()};
    if (query->wait.count() == 0 || !log->after(query->after, 1).empty()) return response;
    response.later = [log, body, wait = query->wait](const Answering& answer) {
        log->wait([answer, body] { answer({.body = body()}); });
        return std::chrono::milliseconds(wait);
    };
    return response;
}

Response explain_response(const Request& request, const Desk& desk) {
    const auto explained =
        parse_query(request.target).and_then(parse_question).and_then([&](const auto& question) {
            return desk.explain(question);
        });
    return explained ? Response{.body = explanation_json(*explained)} : refusal(explained.error());
}

// "/api/v1/health/web/192.168.10.100:80"
Response health_response(const std::string& path, const Desk& desk) {
    const std::string_view rest = std::string_view(path).substr(kHealth.size());
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos) return not_found(path);
    const auto server = control::parse_server(rest.substr(slash + 1));
    if (!server) return refusal(server.error());
    const auto health = desk.health(std::string(rest.substr(0, slash)), *server);
    if (!health) return refusal(health.error());
    return {.body = health_json(*health)};
}

// ---- /api/v1/config ----

// Of a configuration that is none.
Response config_refusal(const Error& error) {
    if (error.fault != Fault::Invalid) return refusal(error);
    return problem(422, "Unprocessable Content", error.message);
}

template <typename Value>
Response config_response(const Result<Value>& value, std::string (*json)(const Value&)) {
    return value ? Response{.body = json(*value)} : config_refusal(value.error());
}

Response plan_response(const Request& request, const ConfigDesk& desk) {
    const auto asked = parse_config_request(request.body);
    return asked ? config_response(desk.plan(*asked), plan_json) : refusal(asked.error());
}

Response apply_response(const Request& request, const ConfigDesk& desk) {
    auto asked = parse_config_request(request.body);
    if (!asked) return refusal(asked.error());
    asked->by = request.user();
    return config_response(desk.apply(*asked), applied_json);
}

Response rollback_response(const Request& request, const ConfigDesk& desk) {
    auto asked = parse_rollback_request(request.body);
    if (!asked) return refusal(asked.error());
    asked->by = request.user();
    return config_response(desk.roll_back(*asked), applied_json);
}

Response confirm_response(const Request& /*request*/, const ConfigDesk& desk) {
    return config_response(desk.confirm(), applied_json);
}

Response versions_response(const Request& /*request*/, const ConfigDesk& desk) {
    return {.body = versions_json(desk.list())};
}

Response running_response(const Request& /*request*/, const ConfigDesk& desk) {
    return config_response(desk.version(0), version_json);
}

struct ConfigRoute {
    std::string_view path, method;
    Response (*answer)(const Request& request, const ConfigDesk& desk);
};

constexpr std::string_view kConfig = "/api/v1/config";
constexpr std::string_view kVersions = "/api/v1/config/versions/";
constexpr std::array kConfigRoutes{
    ConfigRoute{kConfig, "GET", running_response},
    ConfigRoute{kConfig, "POST", apply_response},
    ConfigRoute{"/api/v1/config/plan", "POST", plan_response},
    ConfigRoute{"/api/v1/config/confirm", "POST", confirm_response},
    ConfigRoute{"/api/v1/config/rollback", "POST", rollback_response},
    ConfigRoute{"/api/v1/config/versions", "GET", versions_response},
};

Response answer_config(const Request& request, const std::string& path, const ConfigDesk& desk) {
    if (path.starts_with(kVersions)) {
        const auto number = parse_unsigned<std::uint32_t>(path.substr(kVersions.size()));
        if (!number || *number == 0) return not_found(path);
        if (request.method != "GET") return wrong_method(path, "GET");
        return config_response(desk.version(*number), version_json);
    }
    std::vector<std::string_view> methods;
    for (const ConfigRoute& route : kConfigRoutes) {
        if (route.path != path) continue;
        if (route.method == request.method) return route.answer(request, desk);
        methods.push_back(route.method);
    }
    if (methods.empty()) return not_found(path);
    return wrong_method(path, fmt::format("{}", fmt::join(methods, ", ")));
}

}  // namespace

Response problem(int code, std::string_view title, std::string_view detail) {
    const Json document = {
        {"type", "about:blank"}, {"title", title}, {"status", code}, {"detail", detail}};
    return {.code = code,
            .content_type = "application/problem+json",
            .body = document.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

std::string problem_detail(const std::string& body) {
    const Json document = Json::parse(body, nullptr, false);
    const auto detail = document.is_object() ? document.find("detail") : document.end();
    return detail != document.end() && detail->is_string() ? detail->get<std::string>() : body;
}

Response unreadable(int code, std::string_view why) {
    switch (code) {
        case 413:
            return problem(413, "Content Too Large", why);
        case 431:
            return problem(431, "Request Header Fields Too Large", why);
        default:
            return problem(400, "Bad Request", why);
    }
}

Response answer(const Request& request, const Desk& desk) {
    const std::string path = path_of(request);
    if (path == "/api/v1/wishes")
        return request.method == "POST" ? wish_response(request, desk) : wrong_method(path, "POST");
    if (path.starts_with(kConfig)) return answer_config(request, path, desk.config);
    if (path == "/api/v1/checks")
        return request.method == "POST" ? check_response(request, desk)
                                        : wrong_method(path, "POST");
    if (path == "/api/v1/connections")
        return request.method == "GET" ? connections_response(request, desk)
                                       : wrong_method(path, "GET");
    if (path == "/api/v1/events")
        return request.method == "GET" ? events_response(request, desk) : wrong_method(path, "GET");
    if (path == "/api/v1/explain")
        return request.method == "GET" ? explain_response(request, desk)
                                       : wrong_method(path, "GET");
    if (path == "/api/v1/agents")
        return request.method == "GET" ? Response{.body = agent_reports_json(desk.agents())}
                                       : wrong_method(path, "GET");
    const bool health = path.starts_with(kHealth);
    if (!health && path != "/api/v1/status" && path != "/healthz") return not_found(path);
    if (request.method != "GET") return wrong_method(path, "GET");
    if (health) return health_response(path, desk);
    if (path == "/healthz") return {.body = R"({"status":"ok"})"};
    return status_response(desk);
}

Response answer_agent(const Request& request, const RealServerSource& source,
                      const AgentReportSink& sink) {
    const std::string path = path_of(request);
    if (path != "/api/v1/real-server" || !request.from) return not_found(path);
    const bool reports = request.method == "POST" && sink;
    if (request.method != "GET" && !reports) return wrong_method(path, "GET");
    auto report = reports ? parse_agent_report(request.body) : AgentReport{};
    if (!report) return refusal(report.error());
    const auto told = source(*request.from);
    if (!told) return problem(503, "Service Unavailable", told.error().message);
    if (reports && !told->services.empty()) {
        report->address = *request.from;
        sink(*std::move(report));
    }
    return {.body = real_server_json(*told)};
}

}  // namespace isobar::api
