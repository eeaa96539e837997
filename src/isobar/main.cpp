// SPDX-License-Identifier: Apache-2.0
// isobar: the command line, a client of isobard's API.
#include <fmt/format.h>

#include <cstdio>
#include <variant>

#include "isobar/command_line.h"
#include "isobar/exit_code.h"
#include "isobar/health_command.h"
#include "isobar/import_command.h"
#include "isobar/status_command.h"
#include "isobar/wish_command.h"

namespace cli = isobar::cli;

int main(int argc, char** argv) {
    const auto command = cli::parse_command_line(argc, argv);
    if (!command) {
        fmt::print(stderr, "isobar: {}\nTry 'isobar --help'.\n", command.error().message);
        return cli::kUsage;
    }
    if (const auto* text = std::get_if<cli::PrintCommand>(&*command)) {
        fmt::print("{}", text->text);
        return cli::kOk;
    }
    if (const auto* import = std::get_if<cli::ImportCommand>(&*command))
        return cli::run_import(*import);
    if (const auto* health = std::get_if<cli::HealthCommand>(&*command))
        return cli::run_health(*health);
    if (const auto* wish = std::get_if<cli::WishCommand>(&*command)) return cli::run_wish(*wish);
    return cli::run_status(std::get<cli::StatusCommand>(*command));
}
