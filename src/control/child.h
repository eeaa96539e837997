// SPDX-License-Identifier: Apache-2.0
// Runs another program and waits for it: arguments as they are, never through a shell.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace isobar::control {

struct ChildExit {
    int status = 0;      // exit code; 128 + N when killed by signal N
    std::string errors;  // what it wrote to stderr (the first 4 KiB), without the last newline
    std::string output;  // what it wrote to stdout (the first 4 MiB)
};

// arguments[0] is looked up in PATH. `input` becomes its stdin.
// Fault::NotFound if there is no such program. Killed when it takes longer than `limit`.
Result<ChildExit> run_child(const std::vector<std::string>& arguments, std::string_view input,
                            std::chrono::milliseconds limit);

}  // namespace isobar::control
