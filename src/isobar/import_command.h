// SPDX-License-Identifier: Apache-2.0
// isobar import: another load balancer's configuration on stdout, what is to be said of it on
// stderr.
#pragma once

#include "isobar/command_line.h"

namespace isobar::cli {

// Returns the exit code.
int run_import(const ImportCommand& command);

}  // namespace isobar::cli
