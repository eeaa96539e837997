// SPDX-License-Identifier: Apache-2.0
// isobar status: asks isobard and prints.
#pragma once

#include "isobar/command_line.h"

namespace isobar::cli {

// Returns the exit code.
int run_status(const StatusCommand& command);

}  // namespace isobar::cli
