// SPDX-License-Identifier: Apache-2.0
// One rule of a packet filter, as far as it was read: alternatives of each kind, all of which
// become one MarkRule each.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "model/service.h"

namespace isobar::control {

struct MarkMatch {
    using Ports = std::pair<model::Port, model::Port>;  // first and last

    std::optional<model::Family> family;     // none: both
    std::vector<model::Protocol> protocols;  // none of each kind: all
    std::vector<model::Network> sources;
    std::vector<model::Network> destinations;
    std::vector<Ports> ports;
    std::uint32_t mark = 0;

    // Appends what it comes to.
    void expand(std::vector<model::MarkRule>& rules) const;
};

// "10.0.0.2", "10.0.0.0/24", "10.0.0.0/255.255.255.0", "fd00::/8"
std::optional<model::Network> parse_filter_network(std::string_view text);

}  // namespace isobar::control
