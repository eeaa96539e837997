// SPDX-License-Identifier: Apache-2.0
// The command line of isobar as a value.
#pragma once

#include "base/result.h"
#include "isobar/command.h"

namespace isobar::cli {

// Fault::Invalid with a sentence for the user, two where there is something to suggest.
// Not reentrant (getopt).
Result<Command> parse_command_line(int argc, char** argv);

}  // namespace isobar::cli
