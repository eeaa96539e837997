// SPDX-License-Identifier: Apache-2.0
// The command line of isobard as a value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace isobar::isobard {

enum class Mode : std::uint8_t { Run, Test, Remove, Help, Version };

struct Options {
    Mode mode = Mode::Run;
    std::filesystem::path config = "/etc/isobar/isobar.toml";
    std::filesystem::path socket = "/run/isobar/isobar.sock";
    std::filesystem::path state_dir = "/var/lib/isobar";
    std::string user;  // to become; empty: whoever one is
};

// Fault::Invalid with a sentence for the user. Not reentrant (getopt).
Result<Options> parse_options(int argc, char** argv);

// What --help prints.
std::string usage();

}  // namespace isobar::isobard
