// SPDX-License-Identifier: Apache-2.0
// What plan() goes by beside the configuration: how servers are, and what the operator wants of
// them. Values only: who keeps them up to date does the I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "health/state.h"
#include "load/controller.h"
#include "model/address.h"
#include "model/service.h"

namespace isobar::control {

using health::Health;

// What an operator has said of a server. It wins over everything else.
enum class Wish : std::uint8_t {
    None,
    Drain,        // no new connections; those it has go on
    Maintenance,  // out of its services
    ForceUp,      // whatever its checks say
    ForceDown,
};
std::string_view name(Wish wish);  // "drain"

// Share of its weight that a server that has just come in gets.
inline constexpr std::uint32_t kWholeShare = 1000;

struct ServerCondition {
    Health health = Health::Up;
    std::string reason;                    // of its health, for people
    std::optional<model::Weight> weight;   // that a check gave it, instead of the configured one
    std::uint32_t share = kWholeShare;     // of slow start, in thousandths
    bool follows_load = false;             // as its service wants it
    model::Weight scale = 1;               // a configured weight of 1, in the data plane
    std::optional<load::Steered> steered;  // its weight by load, on that scale
    bool drained_by_agent = false;
    bool maintained_by_agent = false;
    Wish wish = Wish::None;
    std::optional<model::Weight> wished_weight;  // of the operator
    std::string wished_by;                       // who, when, why
    bool operator==(const ServerCondition&) const = default;
};

// A server of a service, as the configuration names them.
using ServerName = std::pair<std::string, model::Endpoint>;

struct Conditions {
    std::map<ServerName, ServerCondition> servers;  // those that are not here: as good as can be
    std::map<std::string, bool> had_quorum;         // by service; not here: no

    [[nodiscard]] const ServerCondition& of(const std::string& service,
                                            const model::Endpoint& server) const;
};

}  // namespace isobar::control
