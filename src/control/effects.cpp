// SPDX-License-Identifier: Apache-2.0
#include "control/effects.h"

#include <algorithm>
#include <variant>

#include "control/diff.h"

namespace isobar::control {
namespace {

using Services = std::vector<model::ServiceStatus>;

std::uint64_t open_at(const model::ServerStatus& server) {
    return std::uint64_t{server.active} + server.inactive;
}

const model::ServiceStatus* find(const Services& services, const model::ServiceKey& key) {
    const auto found = std::ranges::find(services, key, &model::ServiceStatus::key);
    return found == services.end() ? nullptr : &*found;
}

const model::ServerStatus* find(const Services& services, const model::ServiceKey& key,
                                const model::Endpoint& address) {
    const auto* service = find(services, key);
    if (service == nullptr) return nullptr;
    const auto found = std::ranges::find(service->servers, address,
                                         [](const auto& server) { return server.server.address; });
    return found == service->servers.end() ? nullptr : &*found;
}

// Adds to `effect` what a change does.
struct Weigh {
    const Services& running;
    Effect& effect;

    void operator()(const model::RemoveService& gone) const {
        const auto* service = find(running, gone.key);
        if (service == nullptr) return;
        for (const model::ServerStatus& server : service->servers) effect.ends += open_at(server);
    }
    void operator()(const model::RemoveServer& gone) const {
        const auto* server = find(running, gone.service, gone.server);
        if (server != nullptr) effect.ends = open_at(*server);
    }
    void operator()(const model::EditServer& edit) const {
        const auto* server = find(running, edit.service, edit.server.address);
        if (server == nullptr || edit.server.weight != 0 || server->server.weight == 0) return;
        effect.goes_on = open_at(*server);
    }
    void operator()(const model::AddService&) const {}
    void operator()(const model::EditService&) const {}
    void operator()(const model::AddServer&) const {}
};

}  // namespace

std::vector<Effect> effects(const std::vector<model::Change>& changes, const Services& running) {
    std::vector<Effect> all;
    for (const model::Change& change : changes) {
        if (is_of_probe(change)) continue;
        Effect& effect = all.emplace_back(Effect{describe(change, running)});
        std::visit(Weigh{running, effect}, change);
    }
    return all;
}

}  // namespace isobar::control
