// SPDX-License-Identifier: Apache-2.0
#include "isobar/command_line.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

#include "api/version.h"
#include "isobar/commands.h"
#include "isobar/given.h"
#include "isobar/options.h"

namespace isobar::cli {
namespace {

Result<Command> parse_help(int argc, char** argv, bool help) {
    if (argc < 2 || help) return PrintCommand{usage()};
    const auto command = command_named(argv[1]);
    if (!command) return tl::unexpected(command.error());
    return PrintCommand{(*command)->usage};
}

// For the texts of isobar completion, not for people: behind "--" nothing is an option.
Command parse_complete(int argc, char** argv) {
    CompleteCommand command;
    for (int i = 2; i < argc; ++i) command.words.emplace_back(argv[i]);
    return command;
}

// Options may stand between its words.
Result<Command> parse_command(const CommandSpec& command, int argc, char** argv, Given given) {
    std::vector<char*> words;
    while (argc > 1) {
        auto rest = read_options(argc, argv, given);
        if (!rest) return tl::unexpected(std::move(rest.error()).in(command.name));
        argc -= *rest;
        argv += *rest;
        if (argc > 0) words.push_back(argv[0]);
    }
    if (given.help) return PrintCommand{command.usage};
    auto made = fits(command, given, words).and_then([&] {
        return command.make(given, command.name, words);
    });
    if (!made) return tl::unexpected(std::move(made.error()).in(command.name));
    return made;
}

}  // namespace

Result<Command> parse_command_line(int argc, char** argv) {
    Given given;
    auto rest = read_options(argc, argv, given);
    if (!rest) return tl::unexpected(std::move(rest.error()));
    if (given.version) return PrintCommand{fmt::format("isobar {}\n", api::kVersion)};
    argc -= *rest;
    argv += *rest;
    if (argc == 0) {
        if (given.help) return PrintCommand{usage()};
        return failure(Fault::Invalid, "which command?");
    }
    const std::string_view word = argv[0];
    if (word == "help") return parse_help(argc, argv, given.help);
    if (word == "complete") return parse_complete(argc, argv);
    const auto command = command_named(word);
    if (!command) return tl::unexpected(command.error());
    return parse_command(**command, argc, argv, std::move(given));
}

}  // namespace isobar::cli
