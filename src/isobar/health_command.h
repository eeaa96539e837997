// SPDX-License-Identifier: Apache-2.0
// isobar health: what the checks of a server have found.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "api/health_view.h"
#include "base/result.h"
#include "isobar/given.h"
#include "model/address.h"

namespace isobar::cli {

struct HealthCommand : Asking {
    std::string service;
    model::Endpoint server;  // port 0: the only one of that address
};

extern const char kHealthUsage[];

Result<HealthCommand> make_health(const Given& given, std::string_view name, Words words);

// Returns the exit code.
int run(const HealthCommand& command);

std::string milliseconds(std::chrono::microseconds time);  // "0.4 ms"

// For people. Times are UTC.
std::string health_text(const api::HealthView& health);

}  // namespace isobar::cli
