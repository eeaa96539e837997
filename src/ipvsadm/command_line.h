// SPDX-License-Identifier: Apache-2.0
// The command line of ipvsadm 1.31 as a value: what it accepts is accepted, what it rejects
// is rejected with the same words and exit code, the first mistake it finds is the first here.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "ipvsadm/command.h"
#include "ipvsadm/names.h"

namespace isobar::ipvsadm {

struct UsageError {
    std::string message;
    int exit_code = 2;
    // A mistake of this kind in one line ends the whole of -R.
    bool ends_restore = true;

    bool operator==(const UsageError&) const = default;
};

// `program`: argv[0], for messages. `words`: the rest; none means -L.
tl::expected<Command, UsageError> parse_command_line(const std::string& program,
                                                     std::vector<std::string> words, Names& names);

// "Try `ipvsadm -h' ..."
UsageError unknown_command(const std::string& program);

}  // namespace isobar::ipvsadm
