// SPDX-License-Identifier: Apache-2.0
#include "dataplane/mark_rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "dataplane/convert.h"

namespace isobar::dataplane {
namespace {

constexpr std::uint8_t kAddressBits = 128;
constexpr std::uint8_t kListedBits = 8;  // 256 addresses

}  // namespace

std::span<const isobar_rule> MarkRules::in_use() const {
    const auto rules = std::atomic_ref(maps_.settings().rules).load(std::memory_order_acquire);
    return maps_.rules().subspan(rules >> 16, rules & 0xffff);
}

std::vector<model::MarkRule> MarkRules::get(isobar_rule_origin origin) const {
    std::vector<model::MarkRule> rules;
    for (const auto& rule : in_use())
        if (rule.origin == origin) rules.push_back(from_abi(rule));
    return rules;
}

Result<void> MarkRules::set(isobar_rule_origin origin, std::span<const model::MarkRule> rules) {
    std::vector<isobar_rule> all;
    for (const auto& rule : rules) {
        all.push_back(to_abi(rule));
        all.back().origin = origin;
    }
    for (const auto& rule : in_use())
        if (rule.origin != origin) all.push_back(rule);
    if (all.size() > ISOBAR_RULES)
        return failure(Fault::Full, fmt::format("there is room for {} rules of marks and groups, "
                                                "not for {}",
                                                ISOBAR_RULES, all.size()));
    // a group knows its packets, whatever the host marks
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.origin < b.origin; });
    auto& word = maps_.settings().rules;
    const std::uint32_t first = word >> 16 == 0 ? ISOBAR_RULES : 0;
    std::copy(all.begin(), all.end(), maps_.rules().subspan(first).begin());
    std::atomic_ref(word).store(first << 16 | static_cast<std::uint32_t>(all.size()),
                                std::memory_order_release);
    return {};
}

std::vector<model::Address> destinations_of(const isobar_rule& rule) {
    std::vector<model::Address> all;
    const unsigned host_bits = kAddressBits - rule.destination_prefix;
    if (host_bits > kListedBits) return all;
    for (std::uint32_t host = 0; host < 1u << host_bits; ++host) {
        auto address = rule.destination;
        address.word[3] |= htonl(host);
        all.push_back(from_abi(address));
    }
    return all;
}

}  // namespace isobar::dataplane
