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

#include "agent/listening.h"
#include "agent/netlink.h"
#include "agent/programs.h"
#include "agent/settings.h"
#include "agent/sysctls.h"
#include "base/result.h"
#include "model/address.h"
#include "model/finding.h"

namespace isobar::agent {

enum class Method : std::uint8_t { Dr, Tun, Nat };

struct Question {
    std::vector<model::Address> vips;
    Method method = Method::Dr;
    std::optional<model::Address> gateway;  // Nat: the director's inside address
    bool leaves_gateway = false;            // Nat: to the director, which knows its addresses
    std::set<Tunnel> tunnels{};             // Tun: all that come; none: it is not known which
    std::vector<Listening> ports{};  // where clients' packets go; an address of all zeros: any
    std::string agent{};             // the command that would do it all; empty: made of the VIPs
};

struct Facts {
    std::vector<Link> links;
    std::vector<HostAddress> addresses;
    std::vector<DefaultRoute> default_routes;
    Sysctls sysctls;
    std::optional<std::vector<Listening>> listening{};  // none: it could not be read
    std::map<int, FilterState> filters;  // by ifindex: the agent's, where there are some
};

using model::Finding;

Result<Facts> look_at_host();

// Empty: all is well.
std::vector<Finding> check(const Facts& facts, const Question& question);

}  // namespace isobar::agent
