// SPDX-License-Identifier: Apache-2.0
#include "health/state.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace isobar::health {

constexpr std::array<std::string_view, 3> kNames{"unknown", "up", "down"};

std::string_view name(Health health) {
    return kNames.at(static_cast<std::size_t>(health));
}

std::optional<Health> health_named(std::string_view text) {
    const auto* const found = std::ranges::find(kNames, text);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<Health>(found - kNames.begin());
}

}  // namespace isobar::health
