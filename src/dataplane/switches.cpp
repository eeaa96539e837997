// SPDX-License-Identifier: Apache-2.0
#include "dataplane/switches.h"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace isobar::dataplane {
namespace {

static_assert(model::kSwitches.size() == ISOBAR_SWITCHES && ISOBAR_SWITCHES <= ISOBAR_SWITCH_ROOM);

// As defence_on() in bpf/defence.h.
std::uint32_t defence(std::uint32_t now, std::uint16_t mode, std::uint32_t bit) {
    if (mode == ISOBAR_MODE_NEVER) return 0;
    return mode == ISOBAR_MODE_ALWAYS ? bit : now & bit;
}

std::uint32_t drop_rate(std::uint32_t now, const model::Switches& switches) {
    if (switches.drop_packet == ISOBAR_MODE_NEVER) return 0;
    return switches.drop_packet == ISOBAR_MODE_ALWAYS ? switches.am_droprate : now;
}

}  // namespace

void write_switches(isobar_settings& settings, const model::Switches& switches) {
    for (std::size_t i = 0; i < model::kSwitches.size(); ++i)
        std::atomic_ref(settings.switches[i]).store(switches.*model::kSwitches[i].value);
    const auto now = settings.defences;
    std::atomic_ref(settings.defences)
        .store(defence(now, switches.secure_tcp, ISOBAR_DEFENCE_SECURE_TCP) |
               defence(now, switches.drop_entry, ISOBAR_DEFENCE_DROP_ENTRY) |
               (now & ISOBAR_DEFENCE_HALF_OPEN));
    std::atomic_ref(settings.drop_rate).store(drop_rate(settings.drop_rate, switches));
}

model::Switches read_switches(const isobar_settings& settings) {
    model::Switches switches;
    for (std::size_t i = 0; i < model::kSwitches.size(); ++i)
        switches.*model::kSwitches[i].value = settings.switches[i];
    return switches;
}

}  // namespace isobar::dataplane
