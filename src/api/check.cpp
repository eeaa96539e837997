// SPDX-License-Identifier: Apache-2.0
// The body of POST /api/v1/checks.
#include <nlohmann/json.hpp>

#include "api/routes.h"
#include "control/wishes.h"

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

Result<CheckRequest> parse_check(std::string_view json) {
    try {
        const Json document = Json::parse(json);
        CheckRequest request;
        document.at("service").get_to(request.service);
        if (!document.contains("server")) return request;
        const auto server = control::parse_server(document.at("server").get<std::string>());
        if (!server) return tl::unexpected(server.error());
        request.server = *server;
        return request;
    } catch (const Json::exception& error) {
        return failure(Fault::Invalid, error.what());
    }
}

std::string check_json(const CheckRequest& request) {
    Json json = {{"service", request.service}};
    if (request.server) json["server"] = control::server_text(*request.server);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace isobar::api
