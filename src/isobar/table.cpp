// SPDX-License-Identifier: Apache-2.0
#include "isobar/table.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/printable.h"

namespace isobar::cli {
namespace {

// Columns on the screen, near enough: one for each code point of UTF-8.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

}  // namespace

Colours wanted_colours(std::FILE* stream) {
    const char* none = std::getenv("NO_COLOR");
    const bool unwanted = none != nullptr && *none != '\0';
    return ::isatty(::fileno(stream)) != 0 && !unwanted ? Colours::On : Colours::Off;
}

std::string paint(std::string text, Tone tone, Colours colours) {
    if (colours == Colours::Off || tone == Tone::Plain) return text;
    constexpr std::array<std::string_view, 6> kCodes{"",         "\x1b[1m",  "\x1b[2m",
                                                     "\x1b[33m", "\x1b[32m", "\x1b[31m"};
    return fmt::format("{}{}\x1b[0m", kCodes.at(static_cast<std::size_t>(tone)), text);
}

std::string cut(std::string line, std::size_t room) {
    std::size_t at = 0, columns = 0, last = 0;
    while (at < line.size()) {
        if (columns == room) return line.substr(0, last) + "…";
        last = at;
        at += first_code_point(std::string_view(line).substr(at)).value_or(CodePoint{0, 1}).bytes;
        ++columns;
    }
    return line;
}

std::string aligned(const std::vector<Row>& rows, const Columns& columns, Colours colours) {
    std::vector<std::size_t> widths;
    for (const Row& row : rows) {
        widths.resize(std::max(widths.size(), row.cells.size()));
        for (std::size_t i = 0; i < row.cells.size(); ++i) {
            widths[i] = std::max(widths[i], width(row.cells[i]));
        }
    }
    std::string text;
    for (const Row& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.cells.size(); ++i) {
            const std::string padding(widths[i] - width(row.cells[i]), ' ');
            if (i > 0) line += "  ";
            const bool words = i < columns.words || (columns.words_last && i + 1 == widths.size());
            line += words ? row.cells[i] + padding : padding + row.cells[i];
        }
        line.erase(line.find_last_not_of(' ') + 1);
        if (columns.width > 0) line = cut(std::move(line), columns.width);
        text += paint(std::move(line), row.tone, colours) + '\n';
    }
    return text;
}

std::string short_number(std::uint64_t number) {
    constexpr std::string_view kUnits = "kMGTPE";
    if (number < 1000) return std::to_string(number);
    auto value = static_cast<double>(number);
    std::size_t unit = 0;
    for (value /= 1000; value >= 999.5; value /= 1000) ++unit;
    return value < 9.95 ? fmt::format("{:.1f}{}", value, kUnits[unit])
                        : fmt::format("{:.0f}{}", value, kUnits[unit]);
}

}  // namespace isobar::cli
