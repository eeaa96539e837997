// SPDX-License-Identifier: Apache-2.0
#include "isobar/command.h"

#include <fmt/format.h>

#include "isobar/exit_code.h"

namespace isobar::cli {

int run(const PrintCommand& command) {
    fmt::print("{}", command.text);
    return kOk;
}

int run_any(const Command& command) {
    return std::visit([](const auto& each) { return run(each); }, command);
}

}  // namespace isobar::cli
