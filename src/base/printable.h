// SPDX-License-Identifier: Apache-2.0
// Text from outside (files, peers, the kernel) made safe to show on a terminal and in a
// log: what could move the cursor, start a new line or reverse the text is written out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace isobar {

// One character of UTF-8: its number and how many bytes it takes (1 to 4).
struct CodePoint {
    char32_t value = 0;
    std::size_t bytes = 0;
};

// The character that `text` begins with; nothing if it is empty or not valid UTF-8
// (overlong forms, surrogates and numbers above U+10FFFF are not).
std::optional<CodePoint> first_code_point(std::string_view text);

// Control characters and those that change the direction of text.
bool is_printable(char32_t code_point);

// Each byte or character that is not printable becomes \n, \r, \t, \xNN or \u{NNNN}.
std::string printable(std::string_view text);

}  // namespace isobar
