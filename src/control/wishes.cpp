// SPDX-License-Identifier: Apache-2.0
#include "control/wishes.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "control/durable_file.h"

namespace isobar::control {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr std::size_t kLargest = std::size_t{16} << 20U;

// Does it mean this server of the service?
bool is_meant(const model::ServiceConfig& service, const model::Endpoint& configured,
              const model::Endpoint& said) {
    if (configured.address != said.address) return false;
    return said.port == 0 || said.port == configured.port ||
           said.port == service.endpoint_of(configured).port;
}

std::string said_by(const OperatorWish& wish) {
    std::string said = fmt::format("{}, {:%Y-%m-%d %H:%M} UTC", wish.by, fmt::gmtime(wish.at));
    if (!wish.why.empty()) said += ", " + wish.why;
    if (wish.until)
        said += fmt::format("; until {:%H:%M:%S}, then {}", fmt::gmtime(*wish.until),
                            name(wish.afterwards));
    return said;
}

Json entry_of(const ServerName& name, const OperatorWish& wish) {
    return {{"service", name.first},
            {"server", name.second.text()},
            {"wish", control::name(wish.wish)},
            {"weight", wish.weight ? Json(*wish.weight) : Json(nullptr)},
            {"by", wish.by},
            {"why", wish.why},
            {"at", wish.at.time_since_epoch().count()},
            {"until", wish.until ? Json(wish.until->time_since_epoch().count()) : Json(nullptr)},
            {"then", control::name(wish.afterwards)}};
}

std::chrono::sys_seconds time_of(const Json& json) {
    return std::chrono::sys_seconds(std::chrono::seconds(json.get<std::int64_t>()));
}

// Throws what nlohmann throws.
std::optional<std::pair<ServerName, OperatorWish>> parse_entry(const Json& json) {
    const auto server = model::Endpoint::parse(json.at("server").get<std::string>());
    const auto wish = wish_named(json.at("wish").get<std::string>());
    if (!server || !wish) return std::nullopt;
    OperatorWish made;
    made.wish = *wish;
    json.at("by").get_to(made.by);
    json.at("why").get_to(made.why);
    if (const Json& weight = json.at("weight"); !weight.is_null())
        made.weight = weight.get<model::Weight>();
    made.at = time_of(json.at("at"));
    // An isobard of before did not write these.
    if (const auto until = json.find("until"); until != json.end() && !until->is_null())
        made.until = time_of(*until);
    made.afterwards = afterwards_named(json.value("then", "wait")).value_or(Afterwards::Wait);
    return std::pair(ServerName(json.at("service").get<std::string>(), *server), std::move(made));
}

Result<const model::ServiceConfig*> find_service(const model::Config& config,
                                                 const std::string& name) {
    const auto found = std::ranges::find(config.services, name, &model::ServiceConfig::name);
    if (found == config.services.end())
        return failure(Fault::NotFound, fmt::format("there is no service '{}'", name));
    return &*found;
}

}  // namespace

std::string_view name(Afterwards afterwards) {
    switch (afterwards) {
        case Afterwards::Expire:
            return "expire";
        case Afterwards::Reset:
            return "reset";
        case Afterwards::Wait:
            break;
    }
    return "wait";
}

std::optional<Afterwards> afterwards_named(std::string_view text) {
    for (const Afterwards each : {Afterwards::Wait, Afterwards::Expire, Afterwards::Reset})
        if (name(each) == text) return each;
    return std::nullopt;
}

std::vector<ServerName> end_drains(Wishes& wishes, std::chrono::sys_seconds now) {
    std::vector<ServerName> ended;
    for (auto& [server, wish] : wishes) {
        if (!wish.until || now < *wish.until) continue;
        wish.until.reset();
        if (wish.wish == Wish::Drain && wish.afterwards != Afterwards::Wait)
            wish.wish = Wish::Maintenance;
        ended.push_back(server);
    }
    return ended;
}

std::optional<Wish> wish_named(std::string_view text) {
    for (const Wish wish :
         {Wish::None, Wish::Drain, Wish::Maintenance, Wish::ForceUp, Wish::ForceDown})
        if (name(wish) == text) return wish;
    return std::nullopt;
}

Result<model::Endpoint> parse_server(std::string_view text) {
    if (const auto server = model::Endpoint::parse(text)) return *server;
    if (const auto address = model::Address::parse(text)) return model::Endpoint{*address, 0};
    return failure(Fault::Invalid, fmt::format("'{}' is no address of a server", text));
}

std::string server_text(const model::Endpoint& server) {
    return server.port == 0 ? server.address.text() : server.text();
}

Result<ServerName> find_server(const model::Config& config, const std::string& service,
                               const model::Endpoint& server) {
    const auto found = find_service(config, service);
    if (!found) return tl::unexpected(found.error());
    std::vector<model::Endpoint> meant;
    for (const model::ServerConfig& each : (*found)->servers)
        if (is_meant(**found, each.address, server)) meant.push_back(each.address);
    const std::string text = server_text(server);
    if (meant.empty())
        return failure(Fault::NotFound,
                       fmt::format("the service '{}' has no server {}", service, text));
    if (meant.size() > 1)
        return failure(Fault::Invalid,
                       fmt::format("the service '{}' has {} servers {}: which port?", service,
                                   meant.size(), text));
    return ServerName(service, meant.front());
}

Result<std::vector<ServerName>> find_servers(const model::Config& config,
                                             const std::string& service,
                                             const std::optional<model::Endpoint>& server) {
    if (server)
        return find_server(config, service, *server).map([](ServerName name) {
            return std::vector{std::move(name)};
        });
    return find_service(config, service).map([](const model::ServiceConfig* found) {
        std::vector<ServerName> names;
        for (const model::ServerConfig& each : found->servers)
            names.emplace_back(found->name, each.address);
        return names;
    });
}

void add_wishes(const Wishes& wishes, const model::Config& config, Conditions& conditions) {
    if (wishes.empty()) return;
    for (const model::ServiceConfig& service : config.services) {
        for (const model::ServerConfig& server : service.servers) {
            const auto wish = wishes.find({service.name, server.address});
            if (wish == wishes.end()) continue;
            ServerCondition& condition = conditions.servers[wish->first];
            condition.wish = wish->second.wish;
            condition.wished_weight = wish->second.weight;
            condition.wished_by = said_by(wish->second);
        }
    }
}

std::string wishes_text(const Wishes& wishes) {
    Json entries = Json::array();
    for (const auto& [name, wish] : wishes) entries.push_back(entry_of(name, wish));
    const Json document = {{"version", kVersion}, {"wishes", std::move(entries)}};
    return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Wishes> parse_wishes(std::string_view text) {
    Wishes wishes;
    try {
        const Json document = Json::parse(text);
        if (document.at("version") != kVersion)
            return failure(Fault::Unsupported, "of another version of isobard");
        for (const Json& json : document.at("wishes")) {
            auto entry = parse_entry(json);
            if (!entry) return failure(Fault::Invalid, "an entry that is none");
            wishes.insert(*std::move(entry));
        }
    } catch (const Json::exception& error) {
        return failure(Fault::Invalid, error.what());
    }
    return wishes;
}

Result<Wishes> WishFile::load() const {
    const auto text = read_file(path_, kLargest);
    if (!text && text.error().fault == Fault::NotFound) return Wishes{};
    if (!text) return tl::unexpected(text.error());
    auto wishes = parse_wishes(*text);
    if (!wishes) return tl::unexpected(std::move(wishes.error()).in(path_.string()));
    return wishes;
}

Result<void> WishFile::store(const Wishes& wishes) const {
    return replace_file(path_, wishes_text(wishes));
}

}  // namespace isobar::control
