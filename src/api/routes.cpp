// SPDX-License-Identifier: Apache-2.0
#include "api/routes.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;

std::string path_of(const Request& request) {
    return request.target.substr(0, request.target.find('?'));
}

Response not_found(const std::string& path) {
    return problem(404, "Not Found", fmt::format("there is no {}", path));
}

Response get_only(const std::string& path) {
    Response response = problem(405, "Method Not Allowed", fmt::format("{} takes GET only", path));
    response.allow = "GET";
    return response;
}

Response status_response(const StatusSource& source) {
    const auto status = source();
    if (!status) return problem(503, "Service Unavailable", status.error().message);
    return {.body = status_json(*status)};
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

Response answer(const Request& request, const StatusSource& status) {
    const std::string path = path_of(request);
    if (path != "/api/v1/status" && path != "/healthz") return not_found(path);
    if (request.method != "GET") return get_only(path);
    if (path == "/healthz") return {.body = R"({"status":"ok"})"};
    return status_response(status);
}

Response answer_agent(const Request& request, const RealServerSource& source) {
    const std::string path = path_of(request);
    if (path != "/api/v1/real-server" || !request.from) return not_found(path);
    if (request.method != "GET") return get_only(path);
    const auto told = source(*request.from);
    if (!told) return problem(503, "Service Unavailable", told.error().message);
    return {.body = real_server_json(*told)};
}

}  // namespace isobar::api
