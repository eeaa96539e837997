// SPDX-License-Identifier: Apache-2.0
// A network namespace with a director's two interfaces:
//
//   clients 10.64.0.0/10 -- gateway 10.0.0.100 -- outside [director] inside -- 172.16.0.0/16
//                                                10.0.0.1            172.16.0.1     servers
//
// and in IPv6: 2001:db8:1::/48 - 2001:db8::100 - 2001:db8::1 | fd00::1 - fd00::/64.
// The far ends of the veths answer nothing: whoever is needed as a next hop is a permanent
// neighbour. The namespace goes with the last descriptor of it.
#pragma once

#include <array>
#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace isobar::bench {

using Mac = std::array<std::uint8_t, 6>;

struct Network {
    static constexpr const char* kOutside = "outside";
    static constexpr const char* kInside = "inside";
    static constexpr unsigned kServers = 1024;  // that are neighbours
    static constexpr unsigned kServers6 = 4;

    Fd ns;
    int outside = 0;  // ifindex
    int inside = 0;
    Mac outside_mac{};
    Mac inside_mac{};

    // Makes it and enters it.
    static Result<Network> make();
    [[nodiscard]] Result<void> enter() const;
};

}  // namespace isobar::bench
