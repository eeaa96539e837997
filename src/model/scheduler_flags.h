// SPDX-License-Identifier: Apache-2.0
// The names of a scheduler's flags. The same bit has another name with each scheduler.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/service.h"

namespace isobar::model {

struct SchedulerFlag {
    std::string_view name;               // "sh-port"
    SchedulerFlags flags;                // the one bit
    std::optional<Scheduler> scheduler;  // the only one that may have it; none: any

    [[nodiscard]] bool fits(Scheduler of) const { return !scheduler || *scheduler == of; }
};

std::span<const SchedulerFlag> all_scheduler_flags();
// Null if there is none of that name.
const SchedulerFlag* scheduler_flag_named(std::string_view name);

// What that scheduler calls the flags that are set: "sh-fallback", "sh-port".
std::vector<std::string_view> names(Scheduler scheduler, SchedulerFlags flags);
// "sh (sh-fallback,sh-port)", as ipvsadm lists it; "wlc" without flags.
std::string text(Scheduler scheduler, SchedulerFlags flags);

}  // namespace isobar::model
