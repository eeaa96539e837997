// SPDX-License-Identifier: Apache-2.0
// The command line of isobar as a value.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

#include "api/routes.h"
#include "base/result.h"
#include "import/import.h"

namespace isobar::cli {

inline constexpr const char* kDefaultSocket = "/run/isobar/isobar.sock";

// isobar status
struct StatusCommand {
    std::filesystem::path socket = kDefaultSocket;
    bool json = false;
    bool watch = false;
};

// isobar import
struct ImportCommand {
    std::string file;
    std::optional<importer::Format> format;  // none: found out
};

// isobar drain and the like
struct WishCommand {
    std::filesystem::path socket = kDefaultSocket;
    bool json = false;
    api::WishRequest request;
};

// isobar health
struct HealthCommand {
    std::filesystem::path socket = kDefaultSocket;
    bool json = false;
    std::string service;
    model::Endpoint server;
};

// Something to print on stdout and be done: help, version.
struct PrintCommand {
    std::string text;
};

using Command =
    std::variant<StatusCommand, HealthCommand, WishCommand, ImportCommand, PrintCommand>;

// Fault::Invalid with a sentence for the user, two where there is something to suggest.
// Not reentrant (getopt).
Result<Command> parse_command_line(int argc, char** argv);

}  // namespace isobar::cli
