// SPDX-License-Identifier: Apache-2.0
// isobar drain, enable, disable, up, down, weight: what an operator wants of a server.
#pragma once

#include "isobar/command_line.h"

namespace isobar::cli {

// Prints what became of the server. Returns the exit code.
int run_wish(const WishCommand& command);

}  // namespace isobar::cli
