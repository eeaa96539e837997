// SPDX-License-Identifier: Apache-2.0
// The tables in which dh, sh and mh look up a server, as IPVS fills them
// (ip_vs_dh_reassign, ip_vs_sh_reassign, ip_vs_mh_populate). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "abi/abi.h"
#include "model/service.h"

namespace isobar::scheduling {

// Positions of servers in a set, by slot.
using LookupTable = std::vector<std::uint16_t>;

struct LookupServer {
    model::Endpoint address;
    std::uint32_t weight = 0;
    std::uint32_t last_weight = 0;  // the latest other than 0
};

// How many slots a table of these servers (in scheduling order) has; 0: the scheduler has no
// table, or there is no server for it.
std::uint32_t lookup_slots(std::uint32_t scheduler, std::span<const LookupServer> servers);
LookupTable make_lookup_table(std::uint32_t scheduler, std::span<const LookupServer> servers);

// Elements of isobar_sets that so many slots take.
constexpr std::uint32_t lookup_elements(std::uint32_t slots) {
    return (slots + ISOBAR_SLOTS - 1) / ISOBAR_SLOTS;
}

}  // namespace isobar::scheduling
