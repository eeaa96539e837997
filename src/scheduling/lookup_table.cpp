// SPDX-License-Identifier: Apache-2.0
#include "scheduling/lookup_table.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "abi/hash.h"

namespace isobar::scheduling {
namespace {

// The servers in turn, each so many slots at a time.
LookupTable in_turn(std::span<const std::uint32_t> runs) {
    LookupTable table(ISOBAR_HASH_SLOTS);
    std::uint16_t server = 0;
    std::uint32_t left = runs[0];
    for (auto& slot : table) {
        if (left == 0) {
            server = static_cast<std::uint16_t>((server + 1U) % runs.size());
            left = runs[server];
        }
        slot = server;
        --left;
    }
    return table;
}

// IPv4 as a number, IPv6 as its four numbers xored.
std::uint32_t hashed(const model::Endpoint& endpoint) {
    std::uint32_t value = 0;
    const auto& bytes = endpoint.address.bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        value ^= static_cast<std::uint32_t>(bytes[i]) << (24 - 8 * (i % 4));
    return value + endpoint.port;
}

// Weights as mh takes them: by their divisor, and halved until the largest has 6 bits.
std::vector<std::uint32_t> maglev_turns(std::span<const LookupServer> servers) {
    constexpr int kBits = 6;
    std::uint32_t gcd = 0;
    std::uint32_t most = 0;
    for (const auto& server : servers) {
        gcd = std::gcd(gcd, server.last_weight);
        most = std::max(most, server.last_weight);
    }
    const int shift =
        gcd == 0 ? 0 : std::max(0, static_cast<int>(std::bit_width(most / gcd)) - kBits);
    std::vector<std::uint32_t> turns;
    for (const auto& server : servers) {
        const auto weight = server.last_weight;
        turns.push_back(weight == 0 ? 0 : std::max(1U, weight / gcd >> shift));
    }
    return turns;
}

// Each server has its own order of all slots (begin, skip, skip ...), and takes in turn the
// next one that is still free (Eisenbud et al., "Maglev", 3.4).
LookupTable maglev(std::span<const LookupServer> servers) {
    constexpr std::uint32_t kSlots = ISOBAR_MAGLEV_SLOTS;
    constexpr std::uint16_t kFree = 0xffff;
    struct Walk {
        std::uint32_t at;
        std::uint32_t skip;
    };
    const auto turns = maglev_turns(servers);
    std::vector<Walk> walks;
    for (const auto& server : servers) {
        const auto value = hashed(server.address);
        walks.push_back({isobar_siphash(value, ISOBAR_MAGLEV_KEY) % kSlots,
                         isobar_siphash(value, ISOBAR_MAGLEV_SKIP_KEY) % (kSlots - 1) + 1});
    }
    LookupTable table(kSlots, kFree);
    for (std::uint32_t taken = 0; taken < kSlots;) {
        for (std::size_t i = 0; i < walks.size(); ++i) {
            auto& walk = walks[i];
            for (std::uint32_t turn = 0; turn < turns[i] && taken < kSlots; ++turn, ++taken) {
                while (table[walk.at] != kFree) walk.at = (walk.at + walk.skip) % kSlots;
                table[walk.at] = static_cast<std::uint16_t>(i);
            }
        }
    }
    return table;
}

}  // namespace

std::uint32_t lookup_slots(std::uint32_t scheduler, std::span<const LookupServer> servers) {
    switch (scheduler) {
        case ISOBAR_SCHEDULER_dh:
        case ISOBAR_SCHEDULER_sh:
            return servers.empty() ? 0 : ISOBAR_HASH_SLOTS;
        case ISOBAR_SCHEDULER_mh:
            return std::any_of(servers.begin(), servers.end(),
                               [](const auto& server) { return server.last_weight > 0; })
                       ? ISOBAR_MAGLEV_SLOTS
                       : 0;
        default:
            return 0;
    }
}

LookupTable make_lookup_table(std::uint32_t scheduler, std::span<const LookupServer> servers) {
    if (lookup_slots(scheduler, servers) == 0) return {};
    if (scheduler == ISOBAR_SCHEDULER_mh) return maglev(servers);
    std::vector<std::uint32_t> runs;
    for (const auto& server : servers)  // sh gives a quiesced server a slot, too
        runs.push_back(scheduler == ISOBAR_SCHEDULER_sh ? std::max(1U, server.weight) : 1);
    return in_turn(runs);
}

}  // namespace isobar::scheduling
