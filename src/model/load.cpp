// SPDX-License-Identifier: Apache-2.0
#include "model/load.h"

#include <array>
#include <cstddef>

namespace isobar::model {

std::string_view name(LoadSource source) {
    static constexpr std::array<std::string_view, 6> kNames{"uptime", "rup",  "ruptime",
                                                            "agent",  "http", "response"};
    return kNames.at(static_cast<std::size_t>(source));
}

std::string_view name(LoadController controller) {
    return controller == LoadController::Damped ? "damped" : "piranha";
}

}  // namespace isobar::model
