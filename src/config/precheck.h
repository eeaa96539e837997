// SPDX-License-Identifier: Apache-2.0
// Finds in a text what toml++ (3.3) does not survive, or has no good words for, before it
// sees it:
// - It parses and frees tables recursively and bounds brackets, but not dotted keys:
//   `a.a.a...` of 300,000 parts ends the process with a stack overflow.
// - A table header whose name begins with anything but a name, as in `[[[a]]]`, is a failed
//   assertion (mended in later releases).
// - Characters outside of ASCII outside of strings and comments: curly quotes, mostly.
// - Strings of several lines: no key of ours needs them, and without them this stays simple.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace isobar::config {

inline constexpr unsigned kDeepestBrackets = 16;
inline constexpr unsigned kMostDots = 8;

struct Unfit {
    enum class Why { TooDeep, NoTableName, NotQuoted, SeveralLines } why = Why::TooDeep;
    std::size_t offset = 0;
    bool operator==(const Unfit&) const = default;
};

// Of text that is not TOML at all it may find nothing: the parser stops there by itself.
std::optional<Unfit> find_unfit(std::string_view toml);

}  // namespace isobar::config
