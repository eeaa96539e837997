// SPDX-License-Identifier: Apache-2.0
// What most commands do: ask isobard, and show its answer, as it is or as a text for people.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <tl/expected.hpp>

#include "base/result.h"
#include "isobar/exit_code.h"
#include "isobar/given.h"

namespace isobar::cli {

inline constexpr std::chrono::seconds kPatience{5};

// The body of a 200. Else what is to be said on stderr has been said: the exit code.
using Asked = tl::expected<std::string, int>;
Asked asked(const Asking& asking, const std::string& target,
            std::chrono::milliseconds patience = kPatience);
Asked posted(const Asking& asking, const std::string& target, const std::string& json,
             std::chrono::milliseconds patience = kPatience);

// The exit code of an answer that is none.
int not_understood(const Error& error);

// Prints an answer: `parse` makes a Result of it, `text` makes that readable. Returns the exit
// code.
template <typename Parse, typename Text>
int show(const Asking& asking, const Asked& answer, Parse parse, Text text) {
    if (!answer) return answer.error();
    if (asking.json) {
        fmt::print("{}\n", *answer);
        return kOk;
    }
    const auto parsed = parse(*answer);
    if (!parsed) return not_understood(parsed.error());
    fmt::print("{}", text(*parsed));
    return kOk;
}

}  // namespace isobar::cli
