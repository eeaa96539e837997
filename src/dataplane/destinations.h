// SPDX-License-Identifier: Apache-2.0
// What lblc and lblcr remember of destinations (abi/abi.h), as far as user space minds it: a
// server's slot must not become another server's while a destination leads there. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <span>

#include "abi/abi.h"
#include "model/service.h"

namespace isobar::dataplane {

bool has_destinations(model::Scheduler scheduler);

// Slots of servers that are known in these caches.
std::set<std::uint32_t> known_servers(std::span<const isobar_destination> destinations,
                                      const std::set<std::uint32_t>& caches);

// Forgets the destinations that lead to one of these servers, in any cache. Packets may look on.
void forget_servers(std::span<isobar_destination> destinations,
                    const std::set<std::uint32_t>& servers);

}  // namespace isobar::dataplane
