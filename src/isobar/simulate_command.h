// SPDX-License-Identifier: Apache-2.0
// isobar simulate: what share of connections each server of a service would get with another
// scheduler or other weights, beside what it gets as the service is now.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "isobar/given.h"
#include "isobar/table.h"
#include "scheduling/arrivals.h"

namespace isobar::cli {

struct SimulateCommand : Asking {
    std::string service;
    std::optional<model::Scheduler> scheduler;
    std::vector<std::pair<model::Endpoint, model::Weight>> weights;  // port 0: any
    std::string from;  // a file, or "live"; "": by chance
    scheduling::Traffic traffic;
    std::uint64_t seed = 1;
};

extern const char kSimulateUsage[];

Result<SimulateCommand> make_simulate(const Given& given, std::string_view name, Words words);

// Returns the exit code.
int run(const SimulateCommand& command);

// One of both: as the service is, and as it would be.
struct Trial {
    model::VirtualService service;
    scheduling::Simulated result;
};

struct Comparison {
    std::string service;
    std::string connections;  // where they come from, in words
    Trial now, then;
    std::vector<std::string> notes;
};

std::string comparison_text(const Comparison& comparison, Colours colours);
std::string comparison_json(const Comparison& comparison);

}  // namespace isobar::cli
