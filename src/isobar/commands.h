// SPDX-License-Identifier: Apache-2.0
// The table of commands. A new one is a file, NAME_command.{h,cpp}, with its text for --help, what
// makes it of a command line and what runs it; a row here; and its place in Command.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "isobar/command.h"
#include "isobar/completion_command.h"
#include "isobar/given.h"

namespace isobar::cli {

struct CommandSpec {
    std::string_view name;
    const char* summary;  // its line in 'isobar --help'
    const char* usage;
    unsigned takes;  // enum Takes
    // What is asked for where its words are too few: at the first, the second, ... missing one.
    std::array<const char*, 3> questions;
    Result<Command> (*make)(const Given& given, std::string_view name, Words words);
    std::size_t more_words = 0;        // that it takes, and does not need
    std::array<Completes, 2> words{};  // what shells complete, word by word
};

std::span<const CommandSpec> commands();

// Fault::Invalid with what may have been meant.
Result<const CommandSpec*> command_named(std::string_view word);

// Are the options those that the command takes, and the words as many?
Result<void> fits(const CommandSpec& command, const Given& given, Words words);

// isobar --help
std::string usage();

}  // namespace isobar::cli
