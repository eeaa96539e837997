// SPDX-License-Identifier: Apache-2.0
#include "api/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "api/iso_time.h"
#include "model/scheduler_flags.h"

namespace isobar::api {
namespace {

// Keeps the order in which fields are written: people read this, too.
using Json = nlohmann::ordered_json;

// Traffic and Rates have the same fields, of different meaning.
template <typename Counts>
Json counts_json(const Counts& counts) {
    return {{"connections", counts.connections},
            {"in_packets", counts.in_packets},
            {"out_packets", counts.out_packets},
            {"in_bytes", counts.in_bytes},
            {"out_bytes", counts.out_bytes}};
}

template <typename Counts>
Counts parse_counts(const Json& json) {
    Counts counts;
    json.at("connections").get_to(counts.connections);
    json.at("in_packets").get_to(counts.in_packets);
    json.at("out_packets").get_to(counts.out_packets);
    json.at("in_bytes").get_to(counts.in_bytes);
    json.at("out_bytes").get_to(counts.out_bytes);
    return counts;
}

Json server_json(const model::ServerStatus& server) {
    return {{"address", server.server.address.text()},
            {"weight", server.server.weight},
            {"forward", name(server.server.method)},
            {"active", server.active},
            {"inactive", server.inactive},
            {"persistent", server.persistent},
            {"upper_threshold", server.server.upper_threshold},
            {"lower_threshold", server.server.lower_threshold},
            {"overloaded", server.overloaded},
            {"traffic", counts_json(server.traffic)},
            {"rates", counts_json(server.rates)}};
}

// null: clients do not stay with a server.
Json persistence_json(const std::optional<model::Persistence>& persistence) {
    if (!persistence) return nullptr;
    return {{"timeout", persistence->timeout.count()}, {"mask", persistence->prefix}};
}

// null: no service of fullnat.
Json local_json(const model::LocalPool& local) {
    if (local.addresses.empty()) return nullptr;
    Json addresses = Json::array();
    for (const model::Address& address : local.addresses) addresses.push_back(address.text());
    return {{"addresses", std::move(addresses)},
            {"first_port", local.first_port},
            {"last_port", local.last_port},
            {"client_address", name(local.client_address)}};
}

Json json_of(const ServerStanding& standing) {
    return {{"address", standing.address.text()},
            {"up", standing.up},
            {"weight", standing.weight ? Json(*standing.weight) : Json(nullptr)},
            {"configured_weight", standing.configured_weight},
            {"weight_scale", standing.scale},
            {"health", standing.health ? Json(name(*standing.health)) : Json(nullptr)},
            {"by_hand", standing.by_hand},
            {"reason", standing.reason}};
}

Json service_json(const ServiceView& service) {
    Json standings = Json::array();
    for (const ServerStanding& standing : service.standings) standings.push_back(json_of(standing));
    Json servers = Json::array();
    for (const model::ServerStatus& server : service.status.servers) {
        servers.push_back(server_json(server));
    }
    return {{"name", service.name},
            {"mark", service.status.key.mark},
            {"protocol", name(service.status.key.protocol)},
            {"address", service.status.key.address.text()},
            {"scheduler", name(service.status.scheduler)},
            {"scheduler_flags", names(service.status.scheduler, service.status.scheduler_flags)},
            {"persistence", persistence_json(service.status.persistence)},
            {"engine", name(service.status.engine)},
            {"one_packet", service.status.one_packet},
            {"local", local_json(service.status.local)},
            {"traffic", counts_json(service.status.traffic)},
            {"rates", counts_json(service.status.rates)},
            {"servers", std::move(servers)},
            {"quorum", service.quorum},
            {"sorry", service.sorry},
            {"configured", std::move(standings)}};
}

// A field that is a name or an address: `parse` says which one.
template <typename Parse>
auto parse_field(const Json& json, const char* field, Parse parse) {
    const auto text = json.at(field).get<std::string>();
    auto value = parse(text);
    // Caught in parse_status, as what nlohmann throws.
    if (!value) throw std::invalid_argument(fmt::format("'{}' cannot be a {}", text, field));
    return *std::move(value);
}

std::optional<model::ForwardingMethod> method_named(std::string_view text) {
    using enum model::ForwardingMethod;
    for (const auto method : {Nat, Dr, Tun, FullNat})
        if (name(method) == text) return method;
    return std::nullopt;
}

std::chrono::seconds parse_seconds(const Json& json, const char* field) {
    return std::chrono::seconds(json.at(field).get<std::uint32_t>());
}

model::ServerStatus parse_server(const Json& json) {
    model::ServerStatus server;
    server.server.address = parse_field(json, "address", model::Endpoint::parse);
    server.server.method = parse_field(json, "forward", method_named);
    json.at("weight").get_to(server.server.weight);
    json.at("active").get_to(server.active);
    json.at("inactive").get_to(server.inactive);
    json.at("persistent").get_to(server.persistent);
    json.at("upper_threshold").get_to(server.server.upper_threshold);
    json.at("lower_threshold").get_to(server.server.lower_threshold);
    json.at("overloaded").get_to(server.overloaded);
    server.traffic = parse_counts<model::Traffic>(json.at("traffic"));
    server.rates = parse_counts<model::Rates>(json.at("rates"));
    return server;
}

std::optional<model::ClientAddress> client_address_named(std::string_view text) {
    using enum model::ClientAddress;
    for (const auto way : {None, Toa, Proxy})
        if (name(way) == text) return way;
    return std::nullopt;
}

// Daemons of before do not tell it.
model::LocalPool parse_local(const Json& service) {
    model::LocalPool local;
    const auto found = service.find("local");
    if (found == service.end() || found->is_null()) return local;
    for (const Json& text : found->at("addresses")) {
        const auto address = model::Address::parse(text.get<std::string>());
        if (!address) throw std::invalid_argument(text.dump() + " cannot be a local address");
        local.addresses.push_back(*address);
    }
    found->at("first_port").get_to(local.first_port);
    found->at("last_port").get_to(local.last_port);
    local.client_address = parse_field(*found, "client_address", client_address_named);
    return local;
}

// "any": of a service by mark.
std::optional<model::Protocol> service_protocol(std::string_view name) {
    if (name == model::name(model::Protocol::Any)) return model::Protocol::Any;
    return model::protocol_named(name);
}

ServerStanding standing_from(const Json& json) {
    ServerStanding standing;
    standing.address = parse_field(json, "address", model::Endpoint::parse);
    json.at("up").get_to(standing.up);
    if (const Json& weight = json.at("weight"); !weight.is_null())
        standing.weight = weight.get<model::Weight>();
    json.at("configured_weight").get_to(standing.configured_weight);
    json.at("reason").get_to(standing.reason);
    standing.scale = json.value("weight_scale", model::Weight{1});
    // Daemons of before do not tell these.
    standing.by_hand = json.value("by_hand", false);
    if (json.contains("health") && !json.at("health").is_null())
        standing.health = parse_field(json, "health", health::health_named);
    return standing;
}

ServiceView parse_service(const Json& json) {
    ServiceView service;
    json.at("name").get_to(service.name);
    json.at("mark").get_to(service.status.key.mark);
    service.status.key.protocol = parse_field(json, "protocol", service_protocol);
    service.status.key.address = parse_field(json, "address", model::Endpoint::parse);
    service.status.scheduler = parse_field(json, "scheduler", model::scheduler_named);
    for (const Json& flag : json.at("scheduler_flags")) {
        const auto* known = model::scheduler_flag_named(flag.get<std::string>());
        if (known != nullptr) service.status.scheduler_flags.set(known->flags);
    }
    if (const Json& persistence = json.at("persistence"); !persistence.is_null()) {
        service.status.persistence = model::Persistence{parse_seconds(persistence, "timeout"),
                                                        persistence.at("mask").get<std::uint8_t>()};
    }
    if (json.at("engine") == name(model::PersistenceEngine::Sip))
        service.status.engine = model::PersistenceEngine::Sip;
    json.at("one_packet").get_to(service.status.one_packet);
    service.status.local = parse_local(json);
    service.status.traffic = parse_counts<model::Traffic>(json.at("traffic"));
    service.status.rates = parse_counts<model::Rates>(json.at("rates"));
    for (const Json& server : json.at("servers")) {
        service.status.servers.push_back(parse_server(server));
    }
    // Daemons of before do not tell these.
    service.quorum = json.value("quorum", true);
    service.sorry = json.value("sorry", false);
    for (const Json& standing : json.value("configured", Json::array()))
        service.standings.push_back(standing_from(standing));
    return service;
}

Status parse_document(const Json& json) {
    Status status;
    json.at("program").get_to(status.program);
    const Json& config = json.at("config");
    config.at("file").get_to(status.config.file);
    status.config.applied_at = parse_field(config, "applied_at", parse_iso_time);
    config.at("errors").get_to(status.config.errors);
    // Daemons of before do not tell these.
    status.config.version = config.value("version", 0U);
    if (const auto at = config.find("goes_back_at"); at != config.end() && at->is_string())
        status.config.goes_back_at = parse_field(config, "goes_back_at", parse_iso_time);
    for (const Json& service : json.at("services")) {
        status.services.push_back(parse_service(service));
    }
    json.at("connections").at("used").get_to(status.connections_used);
    json.at("connections").at("room").get_to(status.connections_room);
    json.at("connections").at("size").get_to(status.connections_size);
    const Json& timeouts = json.at("timeouts");
    status.timeouts = {parse_seconds(timeouts, "tcp"), parse_seconds(timeouts, "tcp_fin"),
                       parse_seconds(timeouts, "udp")};
    for (const auto& [verdict, packets] : json.at("verdicts").items()) {
        status.verdicts.emplace(verdict, packets.get<std::uint64_t>());
    }
    for (const auto& [event, count] : json.at("events").items()) {
        status.events.emplace(event, count.get<std::uint64_t>());
    }
    for (const Json& interface : json.at("interfaces")) {
        status.interfaces.push_back({interface.at("name").get<std::string>(),
                                     interface.at("tc").get<bool>(),
                                     interface.at("xdp").get<bool>()});
    }
    return status;
}

// Servers come in as their checks say; those that nobody has configured stand last.
void sort_as_configured(ServiceView& view) {
    std::map<model::Endpoint, std::size_t> places;
    for (const ServerStanding& standing : view.standings)
        places.emplace(standing.address, places.size());
    const auto place_of = [&](const model::ServerStatus& server) {
        const auto place = places.find(server.server.address);
        return place == places.end() ? places.size() : place->second;
    };
    std::ranges::stable_sort(view.status.servers, {}, place_of);
}

}  // namespace

std::vector<ServiceView> named_services(const std::vector<model::ServiceStatus>& running,
                                        const model::Config& config) {
    std::map<model::ServiceKey, std::pair<std::size_t, std::string>> places;
    for (const model::ServiceConfig& service : config.services) {
        places.emplace(service.key(), std::pair(places.size(), service.name));
    }
    std::vector<std::pair<std::size_t, ServiceView>> views;
    for (auto service = running.rbegin(); service != running.rend(); ++service) {
        if (model::is_probe(service->key)) continue;
        const auto place = places.find(service->key);
        if (place == places.end()) {
            views.emplace_back(places.size(), ServiceView{"", *service});
        } else {
            views.emplace_back(place->second.first, ServiceView{place->second.second, *service});
        }
    }
    std::stable_sort(views.begin(), views.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<ServiceView> result;
    result.reserve(views.size());
    for (auto& [place, view] : views) {
        std::reverse(view.status.servers.begin(), view.status.servers.end());
        result.push_back(std::move(view));
    }
    return result;
}

void add_standings(std::vector<ServiceView>& services,
                   const std::vector<control::ServicePlan>& plans) {
    for (ServiceView& view : services) {
        const auto plan = std::ranges::find(plans, view.name, &control::ServicePlan::name);
        if (view.name.empty() || plan == plans.end()) continue;
        view.quorum = plan->quorum;
        view.sorry = plan->sorry;
        for (const control::ServerPlan& server : plan->servers) {
            view.standings.push_back(standing(server));
            model::Endpoint& address = view.standings.back().address;
            if (address.port == 0) address.port = view.status.key.address.port;
        }
        sort_as_configured(view);
    }
}

ServerStanding standing(const control::ServerPlan& plan) {
    return {plan.server.address, plan.up,     plan.weight,  plan.server.weight,
            plan.reason,         plan.health, plan.by_hand, plan.scale};
}

std::string text(const ServerStanding& standing) {
    if (!standing.weight) return "out, " + standing.reason;
    // In the words of the configuration, whatever the data plane has.
    const double weight = static_cast<double>(*standing.weight) / std::max(1U, standing.scale);
    return fmt::format("weight {:.10g}, {}", weight, standing.reason);
}

std::string standing_json(const ServerStanding& standing) {
    return json_of(standing).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ServerStanding> parse_standing(std::string_view json) {
    try {
        return standing_from(Json::parse(json));
    } catch (const std::exception& error) {
        return failure(Fault::Invalid, error.what());
    }
}

std::string status_json(const Status& status) {
    Json services = Json::array();
    for (const ServiceView& service : status.services) {
        services.push_back(service_json(service));
    }
    Json verdicts = Json::object();
    for (const auto& [verdict, packets] : status.verdicts) verdicts[verdict] = packets;
    Json events = Json::object();
    for (const auto& [event, count] : status.events) events[event] = count;
    Json interfaces = Json::array();
    for (const InterfaceView& interface : status.interfaces) {
        interfaces.push_back(
            {{"name", interface.name}, {"tc", interface.tc}, {"xdp", interface.xdp}});
    }
    const Json document = {
        {"version", kStatusVersion},
        {"program", status.program},
        {"config",
         {{"file", status.config.file},
          {"applied_at", iso_time(status.config.applied_at)},
          {"errors", status.config.errors},
          {"version", status.config.version},
          {"goes_back_at", status.config.goes_back_at ? Json(iso_time(*status.config.goes_back_at))
                                                      : Json(nullptr)}}},
        {"services", std::move(services)},
        {"connections",
         {{"used", status.connections_used},
          {"room", status.connections_room},
          {"size", status.connections_size}}},
        {"timeouts",
         {{"tcp", status.timeouts.tcp.count()},
          {"tcp_fin", status.timeouts.tcp_fin.count()},
          {"udp", status.timeouts.udp.count()}}},
        {"verdicts", std::move(verdicts)},
        {"events", std::move(events)},
        {"interfaces", std::move(interfaces)}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Status> parse_status(std::string_view json) {
    try {
        const Json document = Json::parse(json);
        const int version = document.at("version").get<int>();
        if (version != kStatusVersion) {
            return failure(Fault::Unsupported,
                           fmt::format("the daemon reports status version {}, this program "
                                       "knows {}",
                                       version, kStatusVersion));
        }
        return parse_document(document);
    } catch (const std::exception& error) {
        return failure(Fault::Invalid, fmt::format("not a status report: {}", error.what()));
    }
}

}  // namespace isobar::api
