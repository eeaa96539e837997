// SPDX-License-Identifier: Apache-2.0
// The options of all commands. A new one is a field of Given and a row of the table.
#pragma once

#include <span>
#include <string>
#include <variant>

#include "base/result.h"
#include "isobar/given.h"

namespace isobar::cli {

struct OptionSpec {
    const char* name;
    char letter;                                             // 0: none
    std::variant<bool Given::*, std::string Given::*> into;  // a string: it has a value
    unsigned of;                                             // enum Takes; 0: every command has it
    const char* whose;  // "--why is for drain and the like"; null: every command's
};

std::span<const OptionSpec> options();

// Was it given, with a value that says something?
bool is_given(const OptionSpec& option, const Given& given);

// Reads options into `given`, up to the first word that is none: its index.
// Not reentrant (getopt).
Result<int> read_options(int argc, char** argv, Given& given);

}  // namespace isobar::cli
