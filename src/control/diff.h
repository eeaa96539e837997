// SPDX-License-Identifier: Apache-2.0
// The fewest changes that lead from what runs to what is wanted. Pure. The order of the
// servers in a service is not a difference: putting it right would cost their counters.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/change.h"
#include "model/service.h"

namespace isobar::control {

// The services that a configuration brought. All others were made by hand
// (isobar-ipvsadm) and are nobody's to remove.
using Owned = std::set<model::ServiceKey>;

// A wanted service is made equal to its wish, whoever made it. A running one that is not
// wanted is removed if it is owned, else left alone. Removals come first, so that what
// replaces them finds room; then the services in the order of `wanted`.
std::vector<model::Change> diff(const std::vector<model::ServiceStatus>& running,
                                const model::Forwarding& wanted, const Owned& owned);

// Is it of the ways of checks (probe_services.h)? Nobody is told of those.
bool is_of_probe(const model::Change& change);

// One line for the log: "TCP 10.0.0.2:80: server 192.168.10.100:80 weight 1 -> 3".
// `before` is what ran when the change was made up.
std::string describe(const model::Change& change, const std::vector<model::ServiceStatus>& before);

}  // namespace isobar::control
