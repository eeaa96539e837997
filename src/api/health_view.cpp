// SPDX-License-Identifier: Apache-2.0
#include "api/health_view.h"

#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "api/iso_time.h"

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;

std::chrono::sys_seconds time_of(const Json& json) {
    const auto text = json.get<std::string>();
    const auto time = parse_iso_time(text);
    // Caught below, as what nlohmann throws.
    if (!time) throw std::invalid_argument(text + " is no time");
    return *time;
}

std::chrono::microseconds microseconds_of(const Json& json) {
    return std::chrono::microseconds(json.get<std::int64_t>());
}

Json check_json(const CheckView& check) {
    Json last = Json::array();
    for (const AttemptView& attempt : check.last)
        last.push_back({{"at", iso_time(attempt.at)},
                        {"outcome", attempt.outcome},
                        {"reason", attempt.reason},
                        {"took_us", attempt.took.count()}});
    return {{"type", check.type},
            {"target", check.target},
            {"health", check.health},
            {"since", iso_time(check.since)},
            {"reason", check.reason},
            {"warning", check.warning},
            {"damped", check.damped},
            {"response_us", check.response.count()},
            {"attempts", check.attempts},
            {"last", std::move(last)},
            {"transcript", check.transcript}};
}

CheckView check_from(const Json& json) {
    CheckView check;
    json.at("type").get_to(check.type);
    json.at("target").get_to(check.target);
    json.at("health").get_to(check.health);
    check.since = time_of(json.at("since"));
    json.at("reason").get_to(check.reason);
    json.at("warning").get_to(check.warning);
    json.at("damped").get_to(check.damped);
    check.response = microseconds_of(json.at("response_us"));
    json.at("attempts").get_to(check.attempts);
    for (const Json& attempt : json.at("last"))
        check.last.push_back({time_of(attempt.at("at")), attempt.at("outcome").get<std::string>(),
                              attempt.at("reason").get<std::string>(),
                              microseconds_of(attempt.at("took_us"))});
    json.at("transcript").get_to(check.transcript);
    return check;
}

Json json_of(const HealthView& health) {
    Json checks = Json::array();
    for (const CheckView& check : health.checks) checks.push_back(check_json(check));
    return {{"service", health.service},
            {"server", health.server},
            {"standing", health.standing},
            {"checks", std::move(checks)}};
}

HealthView health_from(const Json& json) {
    HealthView health;
    json.at("service").get_to(health.service);
    json.at("server").get_to(health.server);
    json.at("standing").get_to(health.standing);
    for (const Json& check : json.at("checks")) health.checks.push_back(check_from(check));
    return health;
}

std::string text_of(const Json& document) {
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string health_json(const HealthView& health) {
    return text_of(json_of(health));
}

Result<HealthView> parse_health(std::string_view json) {
    try {
        return health_from(Json::parse(json));
    } catch (const std::exception& error) {
        return failure(Fault::Invalid, error.what());
    }
}

std::string healths_json(const std::vector<HealthView>& servers) {
    Json list = Json::array();
    for (const HealthView& server : servers) list.push_back(json_of(server));
    return text_of({{"servers", std::move(list)}});
}

Result<std::vector<HealthView>> parse_healths(std::string_view json) {
    try {
        std::vector<HealthView> servers;
        const Json document = Json::parse(json);
        for (const Json& server : document.at("servers")) servers.push_back(health_from(server));
        return servers;
    } catch (const std::exception& error) {
        return failure(Fault::Invalid, error.what());
    }
}

}  // namespace isobar::api
