// SPDX-License-Identifier: Apache-2.0
// isobar status: asks isobard and prints.
#pragma once

#include <string_view>

#include "base/result.h"
#include "isobar/given.h"

namespace isobar::cli {

struct StatusCommand : Asking {
    bool watch = false;
};

extern const char kStatusUsage[];

Result<StatusCommand> make_status(const Given& given, std::string_view name, Words words);

// Returns the exit code.
int run(const StatusCommand& command);

}  // namespace isobar::cli
