// SPDX-License-Identifier: Apache-2.0
#include "config/precheck.h"

namespace isobar::config {
namespace {

constexpr auto kEnd = std::string_view::npos;

// One past the string whose opening quote is at `at`. A string that never ends takes the
// rest of its line: the parser stops there anyway.
std::size_t skip_string(std::string_view toml, std::size_t at) {
    const char quote = toml[at++];
    while (at < toml.size() && toml[at] != '\n') {
        if (toml[at] == quote) return at + 1;
        const bool escape =
            quote == '"' && toml[at] == '\\' && at + 1 < toml.size() && toml[at + 1] != '\n';
        at += escape ? 2 : 1;
    }
    return at;
}

bool begins_several_lines(std::string_view toml, std::size_t at) {
    const std::string_view three = toml.substr(at, 3);
    return three == "\"\"\"" || three == "'''";
}

bool separates_keys(char c) {
    return c == '\n' || c == '=' || c == ',' || c == '[' || c == ']' || c == '{' || c == '}';
}

std::size_t skip_comment(std::string_view toml, std::size_t at) {
    const std::size_t end = toml.find('\n', at);
    return end == kEnd ? toml.size() : end;
}

std::size_t skip_blanks(std::string_view toml, std::size_t at) {
    const std::size_t end = toml.find_first_not_of(" \t", at);
    return end == kEnd ? toml.size() : end;
}

bool begins_name(char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '"' || c == '\'';
}

// `at` is the first bracket of a line outside of any value. Where the name should be and
// is not; an empty or unfinished header is something that the parser knows.
std::optional<std::size_t> missing_name(std::string_view toml, std::size_t at) {
    at = skip_blanks(toml, at + 1);
    if (at < toml.size() && toml[at] == '[') at = skip_blanks(toml, at + 1);
    if (at == toml.size() || toml[at] == ']' || begins_name(toml[at])) return std::nullopt;
    if (static_cast<unsigned char>(toml[at]) >= 0x80) return std::nullopt;  // look_at() says it
    return at;
}

class Scan {
public:
    explicit Scan(std::string_view toml) : toml_(toml) {}

    std::optional<Unfit> run() {
        for (std::size_t at = 0; at < toml_.size();) {
            const char c = toml_[at];
            if (begins_several_lines(toml_, at)) {
                return Unfit{Unfit::Why::SeveralLines, at};
            }
            if (c == '"' || c == '\'') {
                at = skip_string(toml_, at);
                line_begins_ = false;
            } else if (c == '#') {
                at = skip_comment(toml_, at);
            } else if (const auto unfit = look_at(c, at)) {
                return unfit;
            } else {
                ++at;
            }
        }
        return std::nullopt;
    }

private:
    std::optional<Unfit> look_at(char c, std::size_t at) {
        if (static_cast<unsigned char>(c) >= 0x80) return Unfit{Unfit::Why::NotQuoted, at};
        if (separates_keys(c)) dots_ = 0;
        if (c == '.' && ++dots_ > kMostDots) return Unfit{Unfit::Why::TooDeep, at};
        if (c == '[' && line_begins_ && brackets_ == 0) {
            if (const auto name = missing_name(toml_, at)) {
                return Unfit{Unfit::Why::NoTableName, *name};
            }
        }
        if ((c == '[' || c == '{') && ++brackets_ > kDeepestBrackets) {
            return Unfit{Unfit::Why::TooDeep, at};
        }
        if ((c == ']' || c == '}') && brackets_ > 0) --brackets_;
        line_begins_ = c == '\n' || (line_begins_ && (c == ' ' || c == '\t'));
        return std::nullopt;
    }

    std::string_view toml_;
    unsigned brackets_ = 0;
    unsigned dots_ = 0;
    bool line_begins_ = true;
};

}  // namespace

std::optional<Unfit> find_unfit(std::string_view toml) {
    return Scan(toml).run();
}

}  // namespace isobar::config
