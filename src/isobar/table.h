// SPDX-License-Identifier: Apache-2.0
// Tables for people: columns that line up, colours where they are wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace isobar::cli {

enum class Colours : std::uint8_t { Off, On };

// On a terminal, and only where nobody has asked for none (https://no-color.org).
Colours wanted_colours();

enum class Tone : std::uint8_t { Plain, Bold, Dim, Warning };
std::string paint(std::string text, Tone tone, Colours colours);

struct Row {
    std::vector<std::string> cells;
    Tone tone = Tone::Plain;
};

// The first `words` columns are aligned to the left, the others, numbers, to the right.
std::string aligned(const std::vector<Row>& rows, std::size_t words, Colours colours);

// Four characters or a few more: "0", "999", "1.2k", "35k", "1.5M". Units of 1000.
std::string short_number(std::uint64_t number);

}  // namespace isobar::cli
