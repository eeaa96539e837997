// SPDX-License-Identifier: Apache-2.0
// isobar: the command line, a client of isobard's API.
#include <fmt/format.h>

#include <cstdio>

#include "isobar/command.h"
#include "isobar/command_line.h"
#include "isobar/exit_code.h"

namespace cli = isobar::cli;

int main(int argc, char** argv) {
    const auto command = cli::parse_command_line(argc, argv);
    if (!command) {
        fmt::print(stderr, "isobar: {}\nTry 'isobar --help'.\n", command.error().message);
        return cli::kUsage;
    }
    return cli::run_any(*command);
}
