// SPDX-License-Identifier: Apache-2.0
#include "control/mark_match.h"

#include <bit>
#include <cstdint>

#include "base/text.h"

namespace isobar::control {
namespace {

using model::Family;
using model::Network;

unsigned whole(Family family) {
    return family == Family::V4 ? 32 : 128;
}

// Of one family; where nothing was said, the network of all.
std::vector<Network> of_family(const std::vector<Network>& networks, Family family) {
    if (networks.empty()) return {Network{{family, {}}, 0}};
    std::vector<Network> fitting;
    for (const auto& network : networks)
        if (network.address.family == family) fitting.push_back(network);
    return fitting;
}

std::optional<unsigned> parse_prefix(std::string_view text, Family family) {
    if (const auto prefix = parse_unsigned<unsigned>(text))
        return *prefix <= whole(family) ? prefix : std::nullopt;
    const auto mask = model::Address::parse(text);
    if (!mask || mask->family != family) return std::nullopt;
    unsigned bits = 0;
    for (std::size_t i = 0; i < whole(family) / 8; ++i) {
        const int ones = std::countl_one(mask->bytes[i]);
        if (std::popcount(mask->bytes[i]) != ones || (ones != 0 && bits != 8 * i))
            return std::nullopt;
        bits += static_cast<unsigned>(ones);
    }
    return bits;
}

}  // namespace

void MarkMatch::expand(std::vector<model::MarkRule>& rules) const {
    const auto all_protocols = protocols.empty() ? std::vector{model::Protocol::Any} : protocols;
    const auto all_ports = ports.empty() ? std::vector{Ports{0, 65535}} : ports;
    for (const Family each : {Family::V4, Family::V6}) {
        if (family && *family != each) continue;
        // an address says the family as well
        const bool other_source = !sources.empty() && of_family(sources, each).empty();
        const bool other_destination =
            !destinations.empty() && of_family(destinations, each).empty();
        if (other_source || other_destination) continue;
        for (const auto protocol : all_protocols)
            for (const auto& source : of_family(sources, each))
                for (const auto& destination : of_family(destinations, each))
                    for (const auto& [first, last] : all_ports)
                        rules.push_back({protocol, source, destination, first, last, mark});
    }
}

std::optional<Network> parse_filter_network(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = model::Address::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) return Network{*address, whole(address->family)};
    const auto prefix = parse_prefix(text.substr(slash + 1), address->family);
    if (!prefix) return std::nullopt;
    return Network::around(*address, *prefix);
}

}  // namespace isobar::control
