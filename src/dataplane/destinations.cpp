// SPDX-License-Identifier: Apache-2.0
#include "dataplane/destinations.h"

#include <algorithm>
#include <atomic>

namespace isobar::dataplane {
namespace {

std::span<const std::uint16_t> servers_of(const isobar_destination& destination) {
    const auto count =
        std::min(destination.count, static_cast<std::uint32_t>(ISOBAR_DESTINATION_SERVERS));
    return std::span(destination.server).first(count);
}

}  // namespace

bool has_destinations(model::Scheduler scheduler) {
    return scheduler == model::Scheduler::Lblc || scheduler == model::Scheduler::Lblcr;
}

std::set<std::uint32_t> known_servers(std::span<const isobar_destination> destinations,
                                      const std::set<std::uint32_t>& caches) {
    std::set<std::uint32_t> known;
    if (caches.empty()) return known;
    for (const auto& destination : destinations) {
        if (!caches.contains(destination.cache)) continue;
        const auto servers = servers_of(destination);
        known.insert(servers.begin(), servers.end());
    }
    return known;
}

void forget_servers(std::span<isobar_destination> destinations,
                    const std::set<std::uint32_t>& servers) {
    for (auto& destination : destinations) {
        const auto its = servers_of(destination);
        if (std::ranges::any_of(its, [&](std::uint16_t one) { return servers.contains(one); }))
            std::atomic_ref(destination.cache).store(0, std::memory_order_release);
    }
}

}  // namespace isobar::dataplane
