// SPDX-License-Identifier: Apache-2.0
#include "config/source.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/printable.h"
#include "config/precheck.h"

namespace isobar::config {
namespace {

// What is shown of a long line, in characters, and how much of it before the column.
constexpr std::size_t kShown = 120;
constexpr std::size_t kShownBefore = 80;
// Nobody reads an excerpt of such a line, and finding it would cost a scan per error.
constexpr std::size_t kLongestShown = 16384;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Columns stay what they are: every character that cannot be shown becomes one that can.
std::vector<std::string> shown_characters(std::string_view line) {
    std::vector<std::string> characters;
    while (!line.empty()) {
        const auto c = first_code_point(line);
        const std::size_t bytes = c ? c->bytes : 1;
        if (c && is_printable(c->value)) {
            characters.emplace_back(line.substr(0, bytes));
        } else {
            characters.emplace_back(c && c->value == '\t' ? " " : "?");
        }
        line.remove_prefix(bytes);
    }
    return characters;
}

unsigned characters_in(std::string_view text) {
    unsigned count = 0;
    for (; !text.empty(); ++count) {
        const auto c = first_code_point(text);
        text.remove_prefix(c ? c->bytes : 1);
    }
    return count;
}

struct Words {
    std::string message, hint;
};

Words words_for(const Unfit& unfit, std::string_view text) {
    switch (unfit.why) {
        case Unfit::Why::TooDeep:
            return {"nested too deeply", "a configuration needs four levels at most"};
        case Unfit::Why::NoTableName:
            return {"a table header without a name", "as in [director] or [[service]]"};
        case Unfit::Why::SeveralLines:
            return {"text of several lines is not for this file", "write it as \"...\""};
        case Unfit::Why::NotQuoted:
            break;
    }
    const auto c = first_code_point(text.substr(unfit.offset));
    const auto shown = text.substr(unfit.offset, c ? c->bytes : 1);
    return {fmt::format("'{}' outside of quotes and comments", printable(shown)),
            "text stands in straight quotes: \"...\""};
}

}  // namespace

Diagnostic too_large(const std::string& file, std::size_t bytes) {
    Diagnostic large;
    large.file = file;
    large.message =
        fmt::format("has {} bytes; a configuration has at most {} (1 MiB)", bytes, kLargestFile);
    return large;
}

Source::Source(std::string file, std::string_view text) : file_(std::move(file)), text_(text) {
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
    line_starts_.push_back(0);
    for (std::size_t i = 0; i < text_.size() && i < kLargestFile; ++i) {
        if (text_[i] == '\n') line_starts_.push_back(i + 1);
    }
}

std::optional<Diagnostic> Source::refusal() const {
    if (text_.size() > kLargestFile) return too_large(file_, text_.size());
    for (std::size_t offset = 0; offset < text_.size();) {
        const auto c = first_code_point(text_.substr(offset));
        if (!c || c->value == 0) {
            return at(position_of(offset),
                      c ? "this is not a text file: a zero byte"
                        : fmt::format("byte 0x{:02x} is not UTF-8",
                                      static_cast<unsigned char>(text_[offset])),
                      "save the file as plain text in UTF-8");
        }
        offset += c->bytes;
    }
    if (const auto unfit = find_unfit(text_)) {
        const auto [message, hint] = words_for(*unfit, text_);
        return at(position_of(unfit->offset), message, hint);
    }
    return std::nullopt;
}

Diagnostic Source::at(Position position, std::string message, std::string hint) const {
    Diagnostic diagnostic{
        file_, position.line,   position.column, std::move(message), std::move(hint),
        {},    position.column, Severity::Error};
    const std::string_view whole = line(position.line);
    if (whole.size() > kLongestShown) return diagnostic;
    const auto characters = shown_characters(whole);
    const std::size_t column = std::max(position.column, 1U) - 1;
    std::size_t first = 0;
    if (characters.size() > kShown && column > kShownBefore) {
        first = std::min(column, characters.size()) - kShownBefore;
    }
    const std::size_t last = std::min(characters.size(), first + kShown);
    for (std::size_t i = first; i < last; ++i) diagnostic.source_line += characters[i];
    diagnostic.caret = static_cast<unsigned>(std::min(column - first, last - first) + 1);
    return diagnostic;
}

std::string_view Source::line(unsigned number) const {
    if (number == 0 || number > line_starts_.size()) return {};
    const std::size_t start = line_starts_[number - 1];
    std::string_view line = text_.substr(start, text_.find('\n', start) - start);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

Position Source::position_of(std::size_t offset) const {
    const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    const auto number = static_cast<unsigned>(next - line_starts_.begin());
    const std::size_t start = line_starts_[number - 1];
    return {number, characters_in(text_.substr(start, offset - start)) + 1};
}

}  // namespace isobar::config
