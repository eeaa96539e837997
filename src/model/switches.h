// SPDX-License-Identifier: Apache-2.0
// IPVS's sysctls net.ipv4.vs.*, as far as they mean something here. A value each; those that are
// on or off are 1 or 0.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "abi/switches.h"

namespace isobar::model {

struct Switches {
#define X(NAME, name, most, initial) std::uint16_t name = initial;
    ISOBAR_SWITCH_LIST(X)
#undef X

    bool operator==(const Switches&) const = default;
};

struct SwitchSpec {
    std::string_view name;
    std::uint16_t Switches::* value;
    std::uint16_t most;
};

// In the order of the list.
inline constexpr std::array kSwitches{
#define X(NAME, name, most, initial) SwitchSpec{#name, &Switches::name, most},
    ISOBAR_SWITCH_LIST(X)
#undef X
};

// Null: there is none of that name.
constexpr const SwitchSpec* switch_named(std::string_view name) {
    for (const SwitchSpec& spec : kSwitches)
        if (spec.name == name) return &spec;
    return nullptr;
}

}  // namespace isobar::model
