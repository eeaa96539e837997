// SPDX-License-Identifier: Apache-2.0
// Says what keeps a host from being a real server: pure, from facts that look_at_host()
// gathers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/netlink.h"
#include "agent/programs.h"
#include "agent/settings.h"
#include "agent/sysctls.h"
#include "base/result.h"
#include "model/address.h"

namespace isobar::agent {

enum class Method : std::uint8_t { Dr, Tun, Nat };

struct Question {
    std::vector<model::Address> vips;
    Method method = Method::Dr;
    std::optional<model::Address> gateway;  // Nat: the director's inside address
    std::set<Tunnel> tunnels{};             // Tun: all that come; none: it is not known which
    std::string agent{};  // the command that would do it all; empty: made of the VIPs
};

struct Facts {
    std::vector<Link> links;
    std::vector<HostAddress> addresses;
    std::vector<DefaultRoute> default_routes;
    Sysctls sysctls;
    std::map<int, FilterState> filters;  // by ifindex: the agent's, where there are some
};

struct Finding {
    std::string what;
    std::string why;
    std::string fix;                         // a command
    [[nodiscard]] std::string line() const;  // "what: why; fix: command"
    bool operator==(const Finding&) const = default;
};

Result<Facts> look_at_host();

// Empty: all is well.
std::vector<Finding> check(const Facts& facts, const Question& question);

}  // namespace isobar::agent
