// SPDX-License-Identifier: Apache-2.0
#include "control/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <type_traits>
#include <variant>

#include "model/scheduler_flags.h"

namespace isobar::control {
namespace {

using Changes = std::vector<model::Change>;

// The servers first to be removed, then to be changed or added. All of it is one swap of
// the service's set in the data plane: no packet sees a step in between.
void diff_servers(const model::ServiceStatus& running, const model::VirtualService& wanted,
                  Changes& changes) {
    std::map<model::Endpoint, model::RealServer> gone;
    for (const model::ServerStatus& server : running.servers) {
        gone.emplace(server.server.address, server.server);
    }
    Changes made;
    for (const model::RealServer& server : wanted.servers) {
        const auto found = gone.find(server.address);
        if (found == gone.end()) {
            made.emplace_back(model::AddServer{wanted.key, server});
            continue;
        }
        if (found->second != server) made.emplace_back(model::EditServer{wanted.key, server});
        gone.erase(found);
    }
    for (const auto& [address, server] : gone) {
        changes.emplace_back(model::RemoveServer{wanted.key, address});
    }
    changes.insert(changes.end(), made.begin(), made.end());
}

void add_service(const model::VirtualService& wanted, Changes& changes) {
    changes.emplace_back(model::AddService{wanted.key, wanted.scheduler, wanted.scheduler_flags,
                                           wanted.persistence, wanted.one_packet, wanted.local,
                                           wanted.engine});
    for (const model::RealServer& server : wanted.servers) {
        changes.emplace_back(model::AddServer{wanted.key, server});
    }
}

const model::ServerStatus* find_server(const std::vector<model::ServiceStatus>& services,
                                       const model::ServiceKey& key,
                                       const model::Endpoint& address) {
    const auto service = std::find_if(services.begin(), services.end(),
                                      [&](const auto& each) { return each.key == key; });
    if (service == services.end()) return nullptr;
    const auto server =
        std::find_if(service->servers.begin(), service->servers.end(),
                     [&](const auto& each) { return each.server.address == address; });
    return server == service->servers.end() ? nullptr : &*server;
}

// "tun (gue), weight 2"
std::string describe_way(const model::RealServer& server) {
    const bool tunnel = server.method == model::ForwardingMethod::Tun;
    return fmt::format("{}{}, weight {}", name(server.method),
                       tunnel ? fmt::format(" ({})", name(server.tunnel.type)) : "", server.weight);
}

std::string describe(model::PersistenceEngine engine) {
    if (engine == model::PersistenceEngine::None) return {};
    return fmt::format(", engine {}", name(engine));
}

std::string describe(const std::optional<model::Persistence>& persistence) {
    if (!persistence) return "";
    return fmt::format(", persistent {} s, prefix {}", persistence->timeout.count(),
                       persistence->prefix);
}

// ", from 192.168.10.2 and 1 more, toa"
std::string describe(const model::LocalPool& local) {
    if (local.addresses.empty()) return "";
    const auto more = local.addresses.size() - 1;
    const bool tells = local.client_address != model::ClientAddress::None;
    return fmt::format(", from {}{}{}", local.addresses.front().text(),
                       more != 0 ? fmt::format(" and {} more", more) : "",
                       tells ? fmt::format(", {}", name(local.client_address)) : "");
}

// Only what differs from `before`.
std::string describe_thresholds(const model::RealServer& server, const model::RealServer& before) {
    if (server.upper_threshold == before.upper_threshold &&
        server.lower_threshold == before.lower_threshold)
        return "";
    return fmt::format(", thresholds {} and {}", server.upper_threshold, server.lower_threshold);
}

std::string describe_edit(const model::EditServer& edit,
                          const std::vector<model::ServiceStatus>& before) {
    const std::string line =
        fmt::format("{}: server {} ", edit.service.text(), edit.server.address.text());
    const model::ServerStatus* old = find_server(before, edit.service, edit.server.address);
    if (old == nullptr || old->server.method != edit.server.method ||
        old->server.tunnel != edit.server.tunnel) {
        return line + "now " + describe_way(edit.server);
    }
    const bool same_weight = old->server.weight == edit.server.weight;
    return line +
           (same_weight ? fmt::format("weight {}", edit.server.weight)
                        : fmt::format("weight {} -> {}", old->server.weight, edit.server.weight)) +
           describe_thresholds(edit.server, old->server);
}

}  // namespace

std::vector<model::Change> diff(const std::vector<model::ServiceStatus>& running,
                                const model::Forwarding& wanted, const Owned& owned) {
    std::set<model::ServiceKey> wishes;
    for (const model::VirtualService& service : wanted.services) wishes.insert(service.key);

    Changes changes;
    std::map<model::ServiceKey, const model::ServiceStatus*> present;
    for (const model::ServiceStatus& service : running) {
        present.emplace(service.key, &service);
        if (owned.contains(service.key) && !wishes.contains(service.key)) {
            changes.emplace_back(model::RemoveService{service.key});
        }
    }
    for (const model::VirtualService& service : wanted.services) {
        const auto found = present.find(service.key);
        if (found == present.end()) {
            add_service(service, changes);
            continue;
        }
        if (found->second->scheduler != service.scheduler ||
            found->second->scheduler_flags != service.scheduler_flags ||
            found->second->persistence != service.persistence ||
            found->second->one_packet != service.one_packet ||
            found->second->local != service.local || found->second->engine != service.engine) {
            changes.emplace_back(model::EditService{
                service.key, service.scheduler, service.scheduler_flags, service.persistence,
                service.one_packet, service.local, service.engine});
        }
        diff_servers(*found->second, service, changes);
    }
    return changes;
}

bool is_of_probe(const model::Change& change) {
    return std::visit(
        [](const auto& step) {
            if constexpr (requires { step.key; })
                return model::is_probe(step.key);
            else
                return model::is_probe(step.service);
        },
        change);
}

std::string describe(const model::Change& change, const std::vector<model::ServiceStatus>& before) {
    return std::visit(
        [&](const auto& step) -> std::string {
            using Step = std::decay_t<decltype(step)>;
            if constexpr (std::is_same_v<Step, model::AddService>) {
                return fmt::format("{}: added, scheduler {}", step.key.text(),
                                   text(step.scheduler, step.scheduler_flags)) +
                       describe(step.persistence) + describe(step.engine) +
                       (step.one_packet ? ", one packet" : "") + describe(step.local);
            } else if constexpr (std::is_same_v<Step, model::EditService>) {
                return fmt::format("{}: scheduler {}", step.key.text(),
                                   text(step.scheduler, step.scheduler_flags)) +
                       describe(step.persistence) + describe(step.engine) +
                       (step.one_packet ? ", one packet" : "") + describe(step.local);
            } else if constexpr (std::is_same_v<Step, model::RemoveService>) {
                return fmt::format("{}: removed", step.key.text());
            } else if constexpr (std::is_same_v<Step, model::AddServer>) {
                return fmt::format("{}: server {} added, {}", step.service.text(),
                                   step.server.address.text(), describe_way(step.server)) +
                       describe_thresholds(step.server, {});
            } else if constexpr (std::is_same_v<Step, model::EditServer>) {
                return describe_edit(step, before);
            } else {
                static_assert(std::is_same_v<Step, model::RemoveServer>);
                return fmt::format("{}: server {} removed", step.service.text(),
                                   step.server.text());
            }
        },
        change);
}

}  // namespace isobar::control
