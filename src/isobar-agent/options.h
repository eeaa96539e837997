// SPDX-License-Identifier: Apache-2.0
// The command line of isobar-agent as a value.
#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "agent/check.h"
#include "agent/settings.h"
#include "base/result.h"
#include "isobar-agent/load_report.h"
#include "model/address.h"

namespace isobar::agent {

// isobar-agent --vip ... --director ...
struct RunCommand {
    Settings settings;  // what is given by hand
    std::vector<model::Endpoint> directors;
    std::filesystem::path state_dir = "/run/isobar/agent";
};

// isobar-agent check|doctor --vip ... or --director ...
struct CheckCommand {
    Question question;  // by hand
    std::vector<model::Endpoint> directors;
    bool tells = false;  // the directors, too: isobar-agent doctor
};

// isobar-agent load: an agent of HAProxy's agent-check.
struct LoadCommand {
    model::Endpoint listen{{model::Family::V6, {}}, 9999};  // all addresses
    std::vector<Busy> by{Busy::Load, Busy::Pressure};       // the busiest of these is told
    std::vector<std::string> program;                       // or what it prints
};

// Something to print on stdout and be done: help, version.
struct PrintCommand {
    std::string text;
};

using Command = std::variant<RunCommand, CheckCommand, LoadCommand, PrintCommand>;

// Fault::Invalid with a sentence for the user. Not reentrant (getopt).
Result<Command> parse_command_line(int argc, char** argv);

}  // namespace isobar::agent
