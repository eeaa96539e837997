// SPDX-License-Identifier: Apache-2.0
#include "load/piranha.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace isobar::load {
namespace {

constexpr double kMostTimes = 10;  // nanny's --scale

std::string reason_of(const Seen& seen) {
    if (!seen.reading)
        return seen.trouble.empty() ? "no load known" : "no load known: " + seen.trouble;
    if (seen.reading->percent) return "its agent gives no load";
    return fmt::format("load {:.2f}", seen.reading->load.value_or(0));
}

}  // namespace

model::Weight Piranha::next(model::Weight configured, model::Weight now, double load) {
    if (load == 1 || configured == 0) return now;
    const double whole = configured;
    const double step = whole / 2 * std::cbrt(std::abs(1 - load));
    const double wanted = load < 1 ? std::min(std::floor(now + step), kMostTimes * whole)
                                   : std::max(std::trunc(now - step), whole);
    if (std::abs(wanted - now) < whole / 4) return now;
    return static_cast<model::Weight>(std::min<double>(wanted, model::kMaxWeight));
}

SteeredServers Piranha::correct(const SeenServers& servers) {
    std::erase_if(weights_, [&](const auto& each) { return !servers.contains(each.first); });
    SteeredServers steered;
    for (const auto& [address, seen] : servers) {
        model::Weight& weight = weights_.try_emplace(address, seen.configured).first->second;
        weight = std::max(weight, seen.configured);  // the configured one may be another now
        if (!seen.serves) {
            weight = seen.configured;  // nanny begins anew when a server comes back
        } else if (seen.fresh && seen.reading && seen.reading->load) {
            weight = next(seen.configured, weight, *seen.reading->load);
        }
        steered[address] = {weight, reason_of(seen)};
    }
    return steered;
}

}  // namespace isobar::load
