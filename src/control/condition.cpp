// SPDX-License-Identifier: Apache-2.0
#include "control/condition.h"

#include <array>
#include <cstddef>

namespace isobar::control {

std::string_view name(Wish wish) {
    constexpr std::array<std::string_view, 5> kNames{"none", "drain", "maintenance", "up", "down"};
    return kNames.at(static_cast<std::size_t>(wish));
}

const ServerCondition& Conditions::of(const std::string& service,
                                      const model::Endpoint& server) const {
    static const ServerCondition good;
    const auto found = servers.find({service, server});
    return found != servers.end() ? found->second : good;
}

}  // namespace isobar::control
