// SPDX-License-Identifier: Apache-2.0
// isobar completion: what shells are told to complete a command line. The shells' texts ask
// 'isobar complete' which words fit, so that all know the same: the tables of commands and options,
// and the names that the director has, if it runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/status.h"
#include "base/result.h"
#include "isobar/given.h"

namespace isobar::cli {

struct CompletionCommand {
    std::string shell;
};

// isobar complete -- WORD...: the last one is not finished, and may be empty.
struct CompleteCommand {
    std::vector<std::string> words;
};

extern const char kCompletionUsage[];

Result<CompletionCommand> make_completion(const Given& given, std::string_view name, Words words);

// Return the exit code.
int run(const CompletionCommand& command);
int run(const CompleteCommand& command);

// What a word may be.
enum class Completes : std::uint8_t { Nothing, Commands, Options, Service, Server, OneOf };

// What the last of the words may be, as far as the tables tell.
struct Wanted {
    Completes what = Completes::Nothing;
    std::string command;  // of options
    std::string service;  // of servers; empty: of all
    std::string socket = kDefaultSocket;
    std::vector<std::string> one_of;
};
Wanted wanted_word(const std::vector<std::string>& words);

// Those that begin like the last word. `status`: of the director, null if it does not answer.
std::vector<std::string> candidates(const Wanted& wanted, std::string_view begun,
                                    const api::Status* status);

}  // namespace isobar::cli
