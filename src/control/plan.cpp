// SPDX-License-Identifier: Apache-2.0
#include "control/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "control/wishes.h"

#include "control/probe_services.h"

namespace isobar::control {
namespace {

// The data plane's server without a port has that of the service.
model::RealServer with_port(model::RealServer server, const model::ServiceConfig& service) {
    server.address = service.endpoint_of(server.address);
    return server;
}

std::string because(std::string_view what, const std::string& reason) {
    return reason.empty() ? std::string(what) : fmt::format("{}: {}", what, reason);
}

std::string by_hand(std::string_view what, const ServerCondition& condition) {
    if (condition.wished_by.empty()) return std::string(what);
    return fmt::format("{} ({})", what, condition.wished_by);
}

bool is_wished_up(const ServerCondition& condition) {
    return condition.wish == Wish::ForceUp || condition.wished_weight.has_value();
}

model::Weight bounded(std::uint64_t weight) {
    return static_cast<model::Weight>(std::min<std::uint64_t>(weight, model::kMaxWeight));
}

// Without regard to its load. A weight of 0 is the operator's, and stays.
std::uint64_t plain_weight(const model::ServerConfig& server, const ServerCondition& condition) {
    return condition.wished_weight.value_or(condition.weight.value_or(server.weight));
}

model::Weight with_share(std::uint64_t whole, const ServerCondition& condition) {
    if (whole == 0 || condition.wished_weight) return bounded(whole);
    return bounded(std::max<std::uint64_t>(1, whole * condition.share / kWholeShare));
}

// Of a server that may serve.
void give_weight(const model::ServerConfig& server, const ServerCondition& condition,
                 ServerPlan& plan) {
    const std::uint64_t plain = plain_weight(server, condition);
    plan.counts = with_share(plain, condition);
    const bool steered = condition.steered && !condition.wished_weight && plain > 0;
    plan.weight = with_share(
        steered ? std::uint64_t{condition.steered->weight} : plain * plan.scale, condition);
    plan.by_load = condition.follows_load && plain > 0 && !is_wished_up(condition) &&
                   condition.share == kWholeShare;
    if (condition.drained_by_agent && !is_wished_up(condition)) {
        plan.weight = plan.counts = 0;
        plan.by_load = false;
    }
}

std::string reason_to_serve(const model::ServerConfig& server, const ServerCondition& condition) {
    if (condition.wish == Wish::ForceUp) return by_hand("up by hand", condition);
    if (condition.wished_weight) return by_hand("up, weight by hand", condition);
    if (condition.drained_by_agent) return "drained by its agent";
    if (condition.share < kWholeShare)
        return fmt::format("up, slow start {} %", condition.share / 10);
    if (condition.steered) return "up, " + condition.steered->reason;
    if (condition.weight && *condition.weight != server.weight) return "up, weight by its check";
    return "up";
}

// What its checks make of it.
void judge(const model::ServerConfig& server, const ServerCondition& condition, ServerPlan& plan) {
    const bool up = condition.health == Health::Up || condition.wish == Wish::ForceUp;
    const bool down = condition.wish == Wish::ForceDown;
    if (up && !down) {
        give_weight(server, condition, plan);
        plan.reason = reason_to_serve(server, condition);
        return;
    }
    plan.up = false;
    plan.reason = down ? by_hand("down by hand", condition)
                       : because(name(condition.health), condition.reason);
    // Also one that is unknown: it may have been quiesced by an earlier isobard, and keeps its
    // connections.
    if (server.on_failure == model::OnFailure::Quiesce) plan.weight = 0;
}

ServerPlan plan_server(const model::ServerConfig& server, const ServerCondition& condition) {
    ServerPlan plan{.server = server, .weight = {}, .reason = {}, .scale = condition.scale};
    if (server.enabled && !server.checks.empty()) plan.health = condition.health;
    plan.by_hand = condition.wish != Wish::None || condition.wished_weight;
    if (!server.enabled) {
        plan.up = false;
        plan.reason = "not enabled";
    } else if (condition.wish == Wish::Maintenance) {
        plan.up = false;
        plan.reason = by_hand("maintenance", condition);
    } else if (condition.maintained_by_agent && !is_wished_up(condition)) {
        plan.up = false;
        plan.reason = "maintenance by its agent";
    } else {
        judge(server, condition, plan);
        if (condition.wish == Wish::Drain && plan.weight) {
            plan.weight = plan.counts = 0;
            plan.by_load = false;
            plan.reason = by_hand("drained by hand", condition);
        }
    }
    return plan;
}

// keepalived's rule: a hysteresis makes it harder to come and to go.
bool has_quorum(const model::ServiceConfig& service, const ServicePlan& plan, bool had) {
    std::uint64_t up = 0;
    for (const ServerPlan& server : plan.servers)
        if (server.up) up += server.counts;
    const std::uint64_t quorum = service.quorum, hysteresis = service.quorum_hysteresis;
    return had ? up + hysteresis >= quorum : up >= quorum + hysteresis;
}

ServicePlan plan_service(const model::ServiceConfig& service, const Conditions& conditions) {
    ServicePlan plan;
    plan.name = service.name;
    for (const model::ServerConfig& server : service.servers)
        plan.servers.push_back(plan_server(server, conditions.of(service.name, server.address)));
    const auto had = conditions.had_quorum.find(service.name);
    plan.quorum = has_quorum(service, plan, had != conditions.had_quorum.end() && had->second);
    plan.sorry = !plan.quorum && service.sorry.has_value();
    return plan;
}

model::VirtualService virtual_service(const model::ServiceConfig& service,
                                      const ServicePlan& plan) {
    model::VirtualService result{service.key(),           service.scheduler,   {},
                                 service.scheduler_flags, service.persistence, service.one_packet,
                                 service.local,           service.engine};
    // Servers of a service whose sorry server serves get no new connections.
    for (const ServerPlan& each : plan.servers) {
        if (!each.weight) continue;
        model::RealServer server = with_port(each.server, service);
        server.weight = plan.sorry ? 0 : *each.weight;
        result.servers.push_back(server);
    }
    if (plan.sorry && service.sorry) result.servers.push_back(with_port(*service.sorry, service));
    return result;
}

// The packets that belong to the group.
void add_rules(const model::ServiceConfig& group, std::vector<model::MarkRule>& rules) {
    for (const model::Listen& listen : group.listen) {
        const auto& [address, port] = listen.address;
        const bool ipv4 = address.family == model::Family::V4;
        rules.push_back({listen.protocol,
                         {{address.family, {}}, 0},
                         {address, ipv4 ? 32U : 128U},
                         port,
                         port == 0 ? model::Port{65535} : listen.last(),
                         group.key().mark});
    }
}

}  // namespace

Plan plan(const model::Config& config, const Conditions& conditions) {
    Plan made;
    model::Forwarding& wanted = made.forwarding;
    wanted.timeouts = config.director.timeouts;
    wanted.switches = config.director.switches;
    wanted.locality = config.director.locality;
    wanted.ftp_ports = config.director.ftp_ports;
    for (const model::ServiceConfig& service : config.services) {
        made.services.push_back(plan_service(service, conditions));
        if (!service.enabled) continue;
        wanted.services.push_back(virtual_service(service, made.services.back()));
        if (service.is_group()) add_rules(service, wanted.groups);
    }
    std::ranges::move(probe_services(config), std::back_inserter(wanted.services));
    return made;
}

std::vector<Event> differences(const std::vector<ServicePlan>& before,
                               const std::vector<ServicePlan>& after) {
    std::map<ServerName, bool> was_up;
    std::map<std::string, bool> had_quorum;
    for (const ServicePlan& service : before) {
        had_quorum.emplace(service.name, service.quorum);
        for (const ServerPlan& server : service.servers)
            was_up.emplace(ServerName(service.name, server.server.address), server.up);
    }
    std::vector<Event> events;
    for (const ServicePlan& service : after) {
        for (const ServerPlan& server : service.servers) {
            const auto was = was_up.find({service.name, server.server.address});
            if (was == was_up.end() || was->second == server.up) continue;
            events.push_back({server.up ? Event::Kind::Up : Event::Kind::Down, service.name,
                              server_text(server.server.address), server.reason});
        }
        const auto had = had_quorum.find(service.name);
        if (had == had_quorum.end() || had->second == service.quorum) continue;
        events.push_back(
            {service.quorum ? Event::Kind::Quorum : Event::Kind::NoQuorum, service.name, "",
             fmt::format("{}{}", service.quorum ? "has its quorum again" : "lost its quorum",
                         service.sorry ? ", the sorry server serves" : "")});
    }
    return events;
}

model::Forwarding plan(const model::Config& config) {
    return plan(config, Conditions{}).forwarding;
}

}  // namespace isobar::control
