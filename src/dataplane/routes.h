// SPDX-License-Identifier: Apache-2.0
// How this host reaches an address (rtnetlink): what BPF cannot ask on Linux 6.1.
#pragma once

#include "base/result.h"
#include "model/address.h"

namespace isobar::dataplane {

struct Route {
    bool local = false;     // an address of this host
    model::Address source;  // what its packets there are from; all zero: there is no route

    bool operator==(const Route&) const = default;
};

Result<Route> find_route(const model::Address& destination);

}  // namespace isobar::dataplane
