// SPDX-License-Identifier: Apache-2.0
// The body of POST /api/v1/wishes.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "api/routes.h"
#include "control/wishes.h"

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;

// Shown in tables and logs.
constexpr std::size_t kLongestWhy = 200;

// How long a drain may take at most, and what then comes.
Result<void> read_limit(const Json& json, WishRequest& request) {
    if (!json.contains("within") && !json.contains("then")) return {};
    if (request.wish != control::Wish::Drain)
        return failure(Fault::Invalid, "within and then are for drain");
    const Json& within = json.at("within");
    if (!within.is_number_unsigned() || within < 1 || within > kLongestDrain.count())
        return failure(Fault::OutOfRange,
                       fmt::format("within: not within 1 to {} seconds", kLongestDrain.count()));
    request.within = std::chrono::seconds(within.get<std::int64_t>());
    const auto word = json.value("then", "wait");
    const auto afterwards = control::afterwards_named(word);
    if (!afterwards)
        return failure(Fault::Invalid,
                       fmt::format("then: '{}' is none of wait, expire, reset", word));
    request.afterwards = *afterwards;
    return {};
}

// Throws what nlohmann throws.
Result<WishRequest> wish_from(const Json& json) {
    WishRequest request;
    json.at("service").get_to(request.service);
    const auto server = control::parse_server(json.at("server").get<std::string>());
    if (!server) return tl::unexpected(server.error());
    request.server = *server;
    if (json.contains("wish")) {
        const auto word = json.at("wish").get<std::string>();
        request.wish = control::wish_named(word);
        if (!request.wish) return failure(Fault::Invalid, fmt::format("unknown wish '{}'", word));
    }
    if (json.contains("weight")) {
        const Json& weight = json.at("weight");
        request.weight.emplace();
        if (!weight.is_null()) *request.weight = weight.get<model::Weight>();
        if (request.weight->value_or(0) > model::kMaxWeight || (!weight.is_null() && weight < 0))
            return failure(Fault::OutOfRange,
                           fmt::format("weight: not within 0 to {}", model::kMaxWeight));
    }
    if (auto limit = read_limit(json, request); !limit)
        return tl::unexpected(std::move(limit.error()));
    if (!request.wish && !request.weight)
        return failure(Fault::Invalid, "neither wish nor weight: what is wanted?");
    request.why = json.value("why", "");
    if (request.why.size() > kLongestWhy)
        return failure(Fault::Invalid, fmt::format("why: at most {} bytes", kLongestWhy));
    return request;
}

}  // namespace

std::string WishRequest::text() const {
    std::string words = wish ? std::string(name(*wish)) : "";
    if (!weight) return words;
    if (!words.empty()) words += ", ";
    return words + (*weight ? fmt::format("weight {}", **weight) : "weight auto");
}

Result<WishRequest> parse_wish(std::string_view json) {
    try {
        return wish_from(Json::parse(json));
    } catch (const Json::exception& error) {
        return failure(Fault::Invalid, error.what());
    }
}

std::string wish_json(const WishRequest& request) {
    Json json = {{"service", request.service}, {"server", control::server_text(request.server)}};
    if (request.wish) json["wish"] = name(*request.wish);
    if (request.weight) json["weight"] = *request.weight ? Json(**request.weight) : Json(nullptr);
    if (!request.why.empty()) json["why"] = request.why;
    if (request.within) {
        json["within"] = request.within->count();
        json["then"] = control::name(request.afterwards);
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace isobar::api
