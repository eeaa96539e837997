// SPDX-License-Identifier: Apache-2.0
// How this host reaches an address (rtnetlink): what BPF cannot ask on Linux 6.1.
#pragma once

#include <optional>

#include "base/result.h"
#include "model/address.h"
#include "model/decision.h"

namespace isobar::dataplane {

struct Route {
    bool local = false;     // an address of this host
    model::Address source;  // what its packets there are from; all zero: there is no route
    int link = 0;           // ifindex, by which they go,
    std::optional<model::Address> gateway{};  // and by whom; none: it is on the link

    bool operator==(const Route&) const = default;
};

Result<Route> find_route(const model::Address& destination);

// Where packets for it go, from that address if one is given; nothing if there is no route, or it
// leads to this host.
Result<std::optional<model::NextHop>> find_next_hop(const model::Address& destination,
                                                    const std::optional<model::Address>& source);

}  // namespace isobar::dataplane
