// SPDX-License-Identifier: Apache-2.0
// The neighbours that this namespace's kernel knows (rtnetlink): address and MAC address.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "model/address.h"

namespace isobar::dataplane {

using MacAddress = std::array<std::uint8_t, 6>;

struct Neighbour {
    int link = 0;  // ifindex
    model::Address address;
    MacAddress mac{};
};

// Those whose MAC address is known.
Result<std::vector<Neighbour>> list_neighbours();

}  // namespace isobar::dataplane
