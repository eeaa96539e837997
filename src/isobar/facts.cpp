// SPDX-License-Identifier: Apache-2.0
#include "isobar/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/printable.h"
#include "config/suggest.h"
#include "model/scheduler_flags.h"

namespace isobar::cli {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kVersion = 1;

std::string address_of(const model::ServiceKey& key) {
    return key.mark == 0 ? fmt::format("{} {}", name(key.protocol), key.address.text())
                         : fmt::format("mark {}", key.mark);
}

std::string title_of(const api::ServiceView& service) {
    return service.name.empty() ? address_of(service.status.key) : service.name;
}

void add(Load& sum, const model::ServerStatus& server) {
    sum.active += server.active;
    sum.inactive += server.inactive;
}

std::string state_of(const api::ServerStanding& standing) {
    if (standing.up) return "up";
    if (standing.health == control::Health::Unknown) return "unknown";
    return standing.health == control::Health::Up || !standing.health ? "off" : "down";
}

ServerFacts facts_of(const api::ServiceView& service, const model::ServerStatus& server) {
    ServerFacts facts;
    facts.service = title_of(service);
    facts.address = server.server.address.text();
    facts.method = name(server.server.method);
    facts.weight = server.server.weight;
    facts.overloaded = server.overloaded;
    facts.load = {server.active, server.inactive, server.rates};
    return facts;
}

void take(const api::ServerStanding& standing, ServerFacts& facts) {
    facts.configured = standing.whole_weight();
    facts.state = state_of(standing);
    if (!standing.is_as_configured()) facts.reason = standing.reason;
}

std::string state_of(const api::ServiceView& service) {
    if (service.sorry) return "sorry server";
    if (!service.quorum) return "no quorum";
    return service.status.servers.empty() ? "no servers" : "ok";
}

std::uint64_t value(const Load& load, SortBy by) {
    switch (by) {
        case SortBy::Active:
            return load.active;
        case SortBy::Inactive:
            return load.inactive;
        case SortBy::Connections:
            return load.rates.connections;
        case SortBy::In:
            return load.rates.in_bytes;
        case SortBy::Out:
            return load.rates.out_bytes;
        case SortBy::None:
        case SortBy::Weight:
            break;
    }
    return 0;
}

std::vector<std::string> cells_of(const Load& load) {
    return {std::to_string(load.active), std::to_string(load.inactive),
            short_number(load.rates.connections), short_number(load.rates.in_bytes),
            short_number(load.rates.out_bytes)};
}

std::string weight_text(const ServerFacts& server) {
    const std::string now = server.weight ? std::to_string(*server.weight) : "-";
    const bool other = server.configured && server.weight != server.configured;
    return now + (other ? fmt::format("/{}", *server.configured) : "");
}

std::string state_text(const ServerFacts& server) {
    std::string text = server.reason.empty() ? server.state : server.reason;
    if (server.overloaded) text += text.empty() ? "full" : ", full";
    return text.empty() ? "by hand" : printable(text);
}

Json load_json(const Load& load) {
    return {{"connections", load.rates.connections},
            {"in_packets", load.rates.in_packets},
            {"out_packets", load.rates.out_packets},
            {"in_bytes", load.rates.in_bytes},
            {"out_bytes", load.rates.out_bytes}};
}

std::string text_of(const Json& document) {
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <typename Number>
Json nullable(const std::optional<Number>& number) {
    return number ? Json(*number) : Json(nullptr);
}

constexpr std::array<std::string_view, 7> kSorts{"none", "active", "inactive", "connections",
                                                 "in",   "out",    "weight"};

}  // namespace

std::vector<ServerFacts> server_facts(const api::Status& status) {
    std::vector<ServerFacts> all;
    for (const api::ServiceView& service : status.services) {
        std::map<model::Endpoint, const model::ServerStatus*> running;
        for (const model::ServerStatus& server : service.status.servers)
            running.emplace(server.server.address, &server);
        for (const api::ServerStanding& standing : service.standings) {
            const auto runs = running.find(standing.address);
            ServerFacts facts;
            facts.service = title_of(service);
            facts.address = standing.address.text();
            if (runs != running.end()) facts = facts_of(service, *runs->second);
            take(standing, facts);
            all.push_back(std::move(facts));
            running.erase(standing.address);
        }
        for (const model::ServerStatus& server : service.status.servers) {
            if (!running.contains(server.server.address)) continue;
            all.push_back(facts_of(service, server));
            if (service.sorry) all.back().state = "sorry";
        }
    }
    return all;
}

std::vector<ServiceFacts> service_facts(const api::Status& status) {
    std::vector<ServiceFacts> all;
    for (const api::ServiceView& service : status.services) {
        ServiceFacts facts;
        facts.name = service.name;
        facts.address = address_of(service.status.key);
        facts.scheduler = text(service.status.scheduler, service.status.scheduler_flags);
        facts.state = state_of(service);
        facts.load.rates = service.status.rates;
        for (const model::ServerStatus& server : service.status.servers) add(facts.load, server);
        facts.servers = service.standings.size();
        facts.up = static_cast<std::size_t>(
            std::ranges::count(service.standings, true, &api::ServerStanding::up));
        if (service.name.empty()) facts.up = facts.servers = service.status.servers.size();
        all.push_back(std::move(facts));
    }
    return all;
}

std::string_view name(SortBy by) {
    return kSorts.at(static_cast<std::size_t>(by));
}

Result<SortBy> sort_named(std::string_view text) {
    const auto* const found = std::ranges::find(kSorts, text);
    if (found != kSorts.end()) return static_cast<SortBy>(found - kSorts.begin());
    const std::vector<std::string> known(kSorts.begin(), kSorts.end());
    return failure(Fault::Invalid, fmt::format("cannot sort by '{}'; {}", text,
                                               config::suggestion(std::string(text), known)));
}

void sort(std::vector<ServerFacts>& servers, SortBy by) {
    std::ranges::stable_sort(servers, std::greater(), [&](const ServerFacts& server) {
        return by == SortBy::Weight ? server.weight.value_or(0) : value(server.load, by);
    });
}

void sort(std::vector<ServiceFacts>& services, SortBy by) {
    std::ranges::stable_sort(services, std::greater(),
                             [&](const ServiceFacts& service) { return value(service.load, by); });
}

std::string servers_table(const std::vector<ServerFacts>& servers, std::size_t width,
                          Colours colours) {
    std::vector<Row> rows{{{"SERVICE", "SERVER", "HOW", "WEIGHT", "ACTIVE", "INACT", "CONN/S",
                            "IN B/S", "OUT B/S", "STATE"},
                           Tone::Dim}};
    for (const ServerFacts& server : servers) {
        Row row{{printable(server.service), server.address, server.method, weight_text(server)},
                Tone::Plain};
        for (std::string& cell : cells_of(server.load)) row.cells.push_back(std::move(cell));
        row.cells.push_back(state_text(server));
        const bool serves = server.weight.value_or(0) > 0 && !server.overloaded;
        if (!serves || server.state == "sorry") row.tone = Tone::Warning;
        rows.push_back(std::move(row));
    }
    if (servers.empty()) return "no servers\n";
    return aligned(rows, {.words = 3, .words_last = true, .width = width}, colours);
}

std::string services_table(const std::vector<ServiceFacts>& services, Colours colours) {
    std::vector<Row> rows{{{"SERVICE", "ADDRESS", "HOW", "STATE", "UP", "ACTIVE", "INACT", "CONN/S",
                            "IN B/S", "OUT B/S"},
                           Tone::Dim}};
    for (const ServiceFacts& service : services) {
        Row row{
            {service.name.empty() ? "-" : printable(service.name), service.address,
             service.scheduler, service.state, fmt::format("{}/{}", service.up, service.servers)},
            service.state == "ok" && service.up == service.servers ? Tone::Plain : Tone::Warning};
        for (std::string& cell : cells_of(service.load)) row.cells.push_back(std::move(cell));
        rows.push_back(std::move(row));
    }
    return services.empty() ? "no services\n" : aligned(rows, {.words = 4}, colours);
}

std::string servers_json(const std::vector<ServerFacts>& servers) {
    Json list = Json::array();
    for (const ServerFacts& each : servers)
        list.push_back({{"service", each.service},
                        {"address", each.address},
                        {"forward", each.method},
                        {"weight", nullable(each.weight)},
                        {"configured_weight", nullable(each.configured)},
                        {"state", each.state},
                        {"reason", each.reason},
                        {"overloaded", each.overloaded},
                        {"active", each.load.active},
                        {"inactive", each.load.inactive},
                        {"rates", load_json(each.load)}});
    return text_of({{"version", kVersion}, {"servers", std::move(list)}});
}

std::string services_json(const std::vector<ServiceFacts>& services) {
    Json list = Json::array();
    for (const ServiceFacts& each : services)
        list.push_back({{"name", each.name},
                        {"address", each.address},
                        {"scheduler", each.scheduler},
                        {"state", each.state},
                        {"up", each.up},
                        {"servers", each.servers},
                        {"active", each.load.active},
                        {"inactive", each.load.inactive},
                        {"rates", load_json(each.load)}});
    return text_of({{"version", kVersion}, {"services", std::move(list)}});
}

}  // namespace isobar::cli
