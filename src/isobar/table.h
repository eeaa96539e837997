// SPDX-License-Identifier: Apache-2.0
// Tables for people: columns that line up, colours where they are wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace isobar::cli {

enum class Colours : std::uint8_t { Off, On };

// On a terminal, and only where nobody has asked for none (https://no-color.org).
Colours wanted_colours(std::FILE* stream = stdout);

enum class Tone : std::uint8_t { Plain, Bold, Dim, Warning, Good, Bad };
std::string paint(std::string text, Tone tone, Colours colours);

// Its first `room` characters, the last of which says that there are more.
std::string cut(std::string line, std::size_t room);

struct Row {
    std::vector<std::string> cells;
    Tone tone = Tone::Plain;
};

struct Columns {
    std::size_t words = 1;    // so many first ones are aligned to the left, the others are numbers
    bool words_last = false;  // but for the last, if all rows have as many
    std::size_t width = 0;    // of a line, beyond which it is cut; 0: any
};
std::string aligned(const std::vector<Row>& rows, const Columns& columns, Colours colours);

// Four characters or a few more: "0", "999", "1.2k", "35k", "1.5M". Units of 1000.
std::string short_number(std::uint64_t number);

}  // namespace isobar::cli
