// SPDX-License-Identifier: Apache-2.0
#include "load/damped.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace isobar::load {
namespace {

// Less than this, of a CPU or in utilisation, is nothing to tell servers apart by.
constexpr double kQuiet = 0.1;
// Errors within this (of a logarithm: 2 %) are none.
constexpr double kDeadBand = 0.02;
// Half of an error at most is made good at once, and no weight more than doubles or halves.
constexpr double kMostGain = 0.5;
// So little swings nowhere, and yet gets there in spite of noise, which changes signs, too.
constexpr double kLeastGain = 1.0 / 64;
constexpr double kMostStep = 0.693;
// An agent that asks for a weight gets it, unless it goes to and fro.
constexpr double kAskedGain = 1;
constexpr double kAnyStep = 1e3;
// A change of sign is an overshoot: half the gain. It comes back so slowly that half a swing of up
// to 35 corrections gives back less than its end takes.
constexpr double kTurned = 0.5;
constexpr double kRecovers = 1.02;
// So many corrections without a reading change nothing; each one after that goes an eighth of the
// way back to the configured weight.
constexpr std::uint32_t kHolds = 3;
constexpr double kForgets = 0.875;

// Of one that gets as much as its load allows.
std::optional<double> load_of(const Seen& seen) {
    if (!seen.serves || !seen.reading) return std::nullopt;
    return seen.reading->load;
}

double mean_load(const SeenServers& servers) {
    double sum = 0;
    std::size_t count = 0;
    for (const auto& [address, seen] : servers) {
        const auto load = load_of(seen);
        if (!load) continue;
        sum += *load;
        ++count;
    }
    return count == 0 ? 0 : sum / static_cast<double>(count);
}

std::string reason_of(const Seen& seen, std::uint32_t missed, double mean) {
    if (missed > kHolds || !seen.reading)
        return seen.trouble.empty() ? "no load known" : "no load known: " + seen.trouble;
    if (seen.reading->percent) return fmt::format("{:.0f} % by its agent", *seen.reading->percent);
    return fmt::format("load {:.2f} (mean {:.2f})", seen.reading->load.value_or(0), mean);
}

model::Weight weight_of(model::Weight configured, double factor) {
    if (configured == 0) return 0;
    const double wanted = std::round(std::exp(factor) * Damped::kScale * configured);
    return static_cast<model::Weight>(std::clamp<double>(wanted, 1, model::kMaxWeight));
}

}  // namespace

Damped::Damped(std::uint32_t least, std::uint32_t most)
    : least_(std::log(std::max(1U, least) / 100.0)), most_(std::log(std::max(1U, most) / 100.0)) {}

void Damped::adjust(Server& server, double error, double most_gain, double most_step) const {
    server.gain = server.gain == 0 ? most_gain : std::min(most_gain, server.gain * kRecovers);
    if (std::abs(error) <= kDeadBand) return;
    if (error * server.sign < 0) server.gain = std::max(kLeastGain, server.gain * kTurned);
    server.sign = error;
    server.factor -= std::clamp(server.gain * error, -most_step, most_step);
    server.factor = std::clamp(server.factor, least_, most_);
}

void Damped::follow(Server& server, const Seen& seen, double mean) const {
    if (!seen.fresh || !seen.reading) {
        ++server.missed;
        if (server.missed > kHolds) server.factor *= kForgets;
        return;
    }
    server.missed = 0;
    server.asked = seen.reading->percent.has_value();
    if (server.asked) {
        const double wanted = std::log(std::max(1.0, *seen.reading->percent) / 100);
        adjust(server, server.factor - std::clamp(wanted, least_, most_), kAskedGain, kAnyStep);
    } else if (seen.serves) {
        const double load = seen.reading->load.value_or(0);
        adjust(server, std::log((load + kQuiet) / (mean + kQuiet)), kMostGain, kMostStep);
    }
}

// Only the ratio of weights says anything; without this, all of them could creep to a bound. No
// ratio changes by it: all are shifted, also those without a fresh reading, and as far as the one
// that is next to its bound.
void Damped::recentre(const SeenServers& servers) {
    double sum = 0;
    double lowest = most_, highest = least_;
    std::vector<Server*> shifted;
    for (const auto& [address, seen] : servers) {
        Server& server = servers_[address];
        if (server.asked) continue;
        lowest = std::min(lowest, server.factor);
        highest = std::max(highest, server.factor);
        sum += server.factor;
        shifted.push_back(&server);
    }
    if (shifted.empty()) return;
    const double shift =
        std::clamp(sum / static_cast<double>(shifted.size()), highest - most_, lowest - least_);
    for (Server* server : shifted) server->factor -= shift;
}

SteeredServers Damped::correct(const SeenServers& servers) {
    std::erase_if(servers_, [&](const auto& each) { return !servers.contains(each.first); });
    const double mean = mean_load(servers);
    for (const auto& [address, seen] : servers) follow(servers_[address], seen, mean);
    recentre(servers);
    SteeredServers steered;
    for (const auto& [address, seen] : servers) {
        const Server& server = servers_[address];
        Steered& result = steered[address];
        result.reason = reason_of(seen, server.missed, mean);
        result.weight = weight_of(seen.configured, server.factor);
        if (seen.reading && seen.reading->percent == 0.0 && server.missed <= kHolds)
            result.weight = 0;
    }
    return steered;
}

}  // namespace isobar::load
