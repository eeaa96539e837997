// SPDX-License-Identifier: Apache-2.0
// Text taken apart.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

namespace isobar {

// The number that the whole text is: digits of the base, no sign, no blanks, not more than the type
// holds.
template <std::unsigned_integral Number>
std::optional<Number> parse_unsigned(std::string_view text, int base = 10) {
    Number number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number, base);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

// The parts between separators; those without a character are left out.
std::vector<std::string_view> split(std::string_view text, char separator);

// The same in every process and version: FNV-1a, 32 bits (RFC 9923).
std::uint32_t fnv1a(std::string_view text);

}  // namespace isobar
