// SPDX-License-Identifier: Apache-2.0
#include "model/scheduler_flags.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace isobar::model {
namespace {

constexpr std::array kFlags = {
    SchedulerFlag{"sh-fallback", SchedulerFlags{1}, Scheduler::Sh},
    SchedulerFlag{"sh-port", SchedulerFlags{2}, Scheduler::Sh},
    SchedulerFlag{"mh-fallback", SchedulerFlags{1}, Scheduler::Mh},
    SchedulerFlag{"mh-port", SchedulerFlags{2}, Scheduler::Mh},
    SchedulerFlag{"flag-1", SchedulerFlags{1}, std::nullopt},
    SchedulerFlag{"flag-2", SchedulerFlags{2}, std::nullopt},
    SchedulerFlag{"flag-3", SchedulerFlags{4}, std::nullopt},
};

}  // namespace

std::span<const SchedulerFlag> all_scheduler_flags() {
    return kFlags;
}

const SchedulerFlag* scheduler_flag_named(std::string_view name) {
    const auto* found = std::find_if(kFlags.begin(), kFlags.end(),
                                     [&](const auto& flag) { return flag.name == name; });
    return found == kFlags.end() ? nullptr : found;
}

std::vector<std::string_view> names(Scheduler scheduler, SchedulerFlags flags) {
    const bool own = std::any_of(kFlags.begin(), kFlags.end(),
                                 [&](const auto& flag) { return flag.scheduler == scheduler; });
    std::vector<std::string_view> all;
    for (const auto& flag : kFlags) {
        const bool named = own ? flag.scheduler == scheduler : !flag.scheduler;
        if (named && flags.has(flag.flags)) all.push_back(flag.name);
    }
    return all;
}

std::string text(Scheduler scheduler, SchedulerFlags flags) {
    const auto all = names(scheduler, flags);
    if (all.empty()) return std::string(name(scheduler));
    return fmt::format("{} ({})", name(scheduler), fmt::join(all, ","));
}

}  // namespace isobar::model
