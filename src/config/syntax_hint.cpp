// SPDX-License-Identifier: Apache-2.0
#include "config/syntax_hint.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/printable.h"

namespace isobar::config {
namespace {

constexpr std::string_view kBlank = " \t\r\n";
constexpr std::size_t kLongestValue = 60;

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// The value of `key = value`, if it has neither quotes nor brackets.
std::string_view bare_value(std::string_view line) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return {};
    if (line.substr(0, equals).find_first_of("\"'#[{") != std::string_view::npos) return {};
    std::string_view value = line.substr(equals + 1);
    value = trimmed(value.substr(0, value.find('#')));
    if (value.size() > kLongestValue) return {};
    return value.find_first_of("\"'[]{},=") == std::string_view::npos ? value : std::string_view{};
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

}  // namespace

std::string syntax_hint(std::string_view line, std::string_view message) {
    const std::string_view content = trimmed(line);
    if (has(message, "cannot redefine")) return "a key stands once in a table";
    if (has(message, "control character")) {
        return has(message, "string") ? "is the closing quote missing?" : "";
    }
    if (has(message, "inline table")) {
        return "an inline table { ... } stands on one line, without a comma before '}'";
    }
    if (has(message, "table header")) {
        return content.starts_with("[[") ? "a header stands on a line of its own: [[service]]"
                                         : "a header stands on a line of its own: [director]";
    }
    if (const std::string_view value = bare_value(line); !value.empty()) {
        const std::string small = lower(value);
        if (small == "true" || small == "false") return "write " + small;
        const bool number = value.find_first_not_of("0123456789_+-") == std::string_view::npos;
        if (!number) return fmt::format("text stands in quotes: \"{}\"", printable(value));
    }
    if (has(message, "key-value pair") && !has(content, "=")) {
        return "a line is a key and a value, as in: name = \"web\"";
    }
    return {};
}

}  // namespace isobar::config
