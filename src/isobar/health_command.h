// SPDX-License-Identifier: Apache-2.0
// isobar health: what the checks of a server have found.
#pragma once

#include <string>

#include "api/health_view.h"
#include "isobar/command_line.h"

namespace isobar::cli {

// Returns the exit code.
int run_health(const HealthCommand& command);

// For people. Times are UTC.
std::string health_text(const api::HealthView& health);

}  // namespace isobar::cli
