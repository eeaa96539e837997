// SPDX-License-Identifier: Apache-2.0
#include "api/routes.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;

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
    return document.is_object() ? document.value("detail", body) : body;
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
    const std::string path = request.target.substr(0, request.target.find('?'));
    if (path != "/api/v1/status" && path != "/healthz") {
        return problem(404, "Not Found", fmt::format("there is no {}", path));
    }
    if (request.method != "GET") {
        Response response =
            problem(405, "Method Not Allowed", fmt::format("{} takes GET only", path));
        response.allow = "GET";
        return response;
    }
    if (path == "/healthz") return {.body = R"({"status":"ok"})"};
    return status_response(status);
}

}  // namespace isobar::api
