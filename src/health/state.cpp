// SPDX-License-Identifier: Apache-2.0
#include "health/state.h"

#include <array>
#include <cstddef>

namespace isobar::health {

std::string_view name(Health health) {
    constexpr std::array<std::string_view, 3> kNames{"unknown", "up", "down"};
    return kNames.at(static_cast<std::size_t>(health));
}

}  // namespace isobar::health
