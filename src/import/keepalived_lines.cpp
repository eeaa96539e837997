// SPDX-License-Identifier: Apache-2.0
#include "import/keepalived_lines.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/printable.h"
#include "base/text.h"
#include "import/line_words.h"

namespace isobar::importer {
namespace {

constexpr std::size_t kMostFiles = 256;
constexpr unsigned kDeepestInclude = 16;
constexpr unsigned kDeepestExpansion = 512;
constexpr std::size_t kMostText = std::size_t{4} << 20U;  // written out, and looked through
constexpr std::string_view kBlank = " \t";

bool in_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// The name that `text` begins with.
std::string_view name_at(std::string_view text) {
    std::size_t end = 0;
    while (end < text.size() && in_name(text[end])) ++end;
    return text.substr(0, end);
}

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

std::optional<std::int64_t> integer(std::string_view text) {
    const bool minus = text.starts_with('-');
    if (minus) text.remove_prefix(1);
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const auto value = hex ? parse_unsigned<std::uint32_t>(text.substr(2), 16)
                           : parse_unsigned<std::uint32_t>(text);
    if (!value) return std::nullopt;
    return minus ? -std::int64_t{*value} : std::int64_t{*value};
}

// `$NAME` before a blank or the end, or `${NAME}`, in a line.
struct Reference {
    std::size_t at = 0;
    std::size_t length = 0;
    std::string name;
};

std::optional<Reference> next_reference(std::string_view line, std::size_t from) {
    for (std::size_t at = line.find('$', from); at != std::string_view::npos;
         at = line.find('$', at + 1)) {
        const bool braces = line.substr(at + 1).starts_with('{');
        const std::size_t start = at + (braces ? 2 : 1);
        const auto name = name_at(line.substr(start));
        const std::size_t end = start + name.size();
        if (name.empty()) continue;
        const bool ends = braces ? line.substr(end).starts_with('}')
                                 : end == line.size() || line[end] == ' ' || line[end] == '\t';
        if (ends) return Reference{at, end - at + (braces ? 1 : 0), std::string(name)};
    }
    return std::nullopt;
}

class Expander {
public:
    Expander(Findings& findings, const Surroundings& surroundings,
             const std::function<void(const ExpandedLine&)>& each)
        : findings_(findings), surroundings_(surroundings), each_(each) {}

    void file(std::size_t number);

private:
    void line(std::string_view text, Place at, bool replaced, unsigned depth);
    void include(std::string_view keyword, std::string_view pattern, const Place& at);
    void condition(std::string_view text, const Place& at, bool replaced, unsigned depth);
    bool define(std::string_view text);
    bool replace(std::string_view text, const Place& at, unsigned depth);
    void repeat(std::string_view text, const Place& at, unsigned depth);
    void sequence(const std::vector<std::string_view>& words, bool hex, std::string_view rest,
                  const Place& at, unsigned depth);
    void list(std::string_view inside, std::string_view rest, const Place& at, unsigned depth);
    [[nodiscard]] const std::string* value_of(const std::string& name) const;
    bool too_much(std::size_t bytes, const Place& at);

    Findings& findings_;
    const Surroundings& surroundings_;
    const std::function<void(const ExpandedLine&)>& each_;
    std::map<std::string, std::string> definitions_;
    std::vector<std::string> open_files_;
    std::size_t files_ = 0;
    std::size_t bytes_ = 0;
    bool stopped_ = false;
};

void Expander::file(std::size_t number) {
    const std::string name = findings_.file_name(number);
    open_files_.push_back(name);
    definitions_["_PWD"] = folder_of(name).empty() ? "." : name.substr(0, name.rfind('/'));
    definitions_["_INSTANCE"] = surroundings_.config_id;
    std::string pending;  // a definition of several lines
    Place begun;
    for_each_line(number, findings_, [&](std::string_view text, Place at) {
        if (stopped_) return;
        const bool definition = trimmed(text).starts_with('$') || trimmed(text).starts_with('@');
        const bool goes_on = text.ends_with('\\') && (definition || !pending.empty());
        if (pending.empty()) begun = at;
        if (goes_on) {
            pending += std::string(text.substr(0, text.size() - 1)) + '\n';
            return;
        }
        if (pending.empty()) return line(text, at, false, 0);
        pending += text;
        line(std::exchange(pending, {}), begun, true, 0);
    });
    if (!pending.empty()) line(pending, begun, true, 0);
    open_files_.pop_back();
    if (!open_files_.empty()) {
        const std::string folder = folder_of(open_files_.back());
        definitions_["_PWD"] = folder.empty() ? "." : folder.substr(0, folder.size() - 1);
    }
}

bool Expander::too_much(std::size_t bytes, const Place& at) {
    bytes_ += bytes + 1;
    if (bytes_ <= kMostText || stopped_) return stopped_;
    stopped_ = true;
    findings_.error(at, "written out, this file has more than 4 MiB");
    return true;
}

void Expander::line(std::string_view text, Place at, bool replaced, unsigned depth) {
    if (stopped_ || findings_.enough() || too_much(text.size(), at)) return;
    if (depth > kDeepestExpansion) {
        stopped_ = true;
        return findings_.error(at, "this definition never ends: it stands for itself");
    }
    const std::size_t blanks = std::min(text.find_first_not_of(kBlank), text.size());
    text.remove_prefix(blanks);
    if (!replaced) at.column += static_cast<unsigned>(blanks);
    if (text.empty() || text.front() == '#' || text.front() == '!') return;
    if (text.front() == '@') return condition(text, at, replaced, depth);
    if (define(text)) return;
    if (text.starts_with("~SEQ") || text.starts_with("~LST")) return repeat(text, at, depth);
    const std::size_t word = std::min(text.find_first_of(kBlank), text.size());
    const std::string_view first = text.substr(0, word);
    if (first.starts_with("include") && first.size() <= 8) {
        return include(first, trimmed(text.substr(word)), at);
    }
    if (replace(text, at, depth)) return;
    each_({std::string(text), at, replaced});
}

// ---- include ----

void Expander::include(std::string_view keyword, std::string_view pattern, const Place& at) {
    if (pattern.size() > 1 && (pattern.front() == '"' || pattern.front() == '\'')) {
        pattern = pattern.substr(1, pattern.find(pattern.front(), 1) - 1);
    }
    std::string path(pattern);
    if (!path.starts_with('/')) path = folder_of(open_files_.back()) + path;
    const auto paths =
        surroundings_.find_files ? surroundings_.find_files(path) : std::vector<std::string>{};
    if (paths.empty()) {
        // The plain one is for files that need not be there.
        return findings_.note(at, fmt::format("{}: no such file: {}", keyword, printable(path)));
    }
    for (const std::string& each : paths) {
        if (std::ranges::find(open_files_, each) != open_files_.end()) {
            findings_.error(at, fmt::format("{} includes itself", printable(each)));
            continue;
        }
        if (open_files_.size() > kDeepestInclude || ++files_ > kMostFiles) {
            stopped_ = true;
            return findings_.error(at, "too many files are included");
        }
        auto text = surroundings_.read_file ? surroundings_.read_file(each) : std::nullopt;
        if (!text) {
            findings_.error(at, fmt::format("cannot read {}", printable(each)));
            continue;
        }
        if (const auto number = findings_.add_file(each, std::move(*text))) file(*number);
    }
}

// ---- @id, $NAME=, ~SEQ(...) ----

void Expander::condition(std::string_view text, const Place& at, bool replaced, unsigned depth) {
    const std::size_t end = std::min(text.find_first_of(" \t\n"), text.size());
    std::string_view id = text.substr(1, end - 1);
    const bool not_that = id.starts_with('^');
    if (not_that) id.remove_prefix(1);
    if ((id == surroundings_.config_id) == not_that) return;
    Place behind = at;
    if (!replaced) behind.column += static_cast<unsigned>(end);
    line(text.substr(end), behind, replaced, depth + 1);
}

bool Expander::define(std::string_view text) {
    if (!text.starts_with('$')) return false;
    const auto name = name_at(text.substr(1));
    const std::string_view behind = text.substr(name.size() + 1);
    if (name.empty() || !behind.starts_with('=')) return false;
    std::string_view value = behind.substr(1);
    const bool several = value.find('\n') != std::string_view::npos;
    if (!several) value = trimmed(value);
    definitions_[std::string(name)] = value;
    return true;
}

const std::string* Expander::value_of(const std::string& name) const {
    const auto found = definitions_.find(name);
    return found == definitions_.end() ? nullptr : &found->second;
}

// The first definition that is named; what comes of it is looked through again.
bool Expander::replace(std::string_view text, const Place& at, unsigned depth) {
    std::size_t from = 0;
    while (const auto reference = next_reference(text, from)) {
        const std::string* value = value_of(reference->name);
        from = reference->at + reference->length;
        if (value == nullptr) continue;
        std::string all(text.substr(0, reference->at));
        all += *value;
        all += text.substr(from);
        for (const std::string_view each : split(all, '\n')) line(each, at, true, depth + 1);
        return true;
    }
    return false;
}

void Expander::repeat(std::string_view text, const Place& at, unsigned depth) {
    const std::size_t open = text.find('(');
    const std::size_t close = text.find(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
        return findings_.error(at,
                               "a repetition is ~SEQ(name, first, step, last) or "
                               "~LST(name, value, ...)");
    }
    const std::string_view kind = text.substr(1, open - 1);
    const std::string_view inside = text.substr(open + 1, close - open - 1);
    const std::string_view rest = text.substr(close + 1);
    if (trimmed(kind) == "LST") return list(inside, rest, at, depth);
    std::vector<std::string_view> words;
    for (const auto word : split(inside, ',')) words.push_back(trimmed(word));
    sequence(words, trimmed(kind) == "SEQx", rest, at, depth);
}

void Expander::sequence(const std::vector<std::string_view>& words, bool hex, std::string_view rest,
                        const Place& at, unsigned depth) {
    std::vector<std::int64_t> numbers;
    for (std::size_t i = 1; i < words.size(); ++i) {
        if (const auto number = integer(words[i])) numbers.push_back(*number);
    }
    if (numbers.empty() || numbers.size() > 3 || numbers.size() + 1 != words.size()) {
        return findings_.error(at, "~SEQ takes a name and one to three numbers",
                               "~SEQ(name, first, step, last)");
    }
    const std::int64_t last = numbers.back();
    const std::int64_t first = numbers.size() > 1 ? numbers.front() : (last > 0 ? 1 : -1);
    const std::int64_t step = numbers.size() == 3 ? numbers[1] : (last >= first ? 1 : -1);
    if (step == 0) return findings_.error(at, "a step of 0 never comes to an end");
    for (std::int64_t i = first; step > 0 ? i <= last : i >= last; i += step) {
        if (stopped_ || findings_.enough()) return;
        definitions_[std::string(words.front())] =
            hex ? fmt::format("{:x}", i) : fmt::format("{}", i);
        line(rest, at, true, depth + 1);
    }
}

// ~LST(A, 1, 2) and ~LST({A, B}, {1, 2}, {3, 4})
void Expander::list(std::string_view inside, std::string_view rest, const Place& at,
                    unsigned depth) {
    std::vector<std::vector<std::string>> groups;
    while (!trimmed(inside).empty()) {
        inside = trimmed(inside);
        const bool braces = inside.starts_with('{');
        const std::size_t end = std::min(inside.find(braces ? '}' : ','), inside.size());
        auto& group = groups.emplace_back();
        for (const auto word : split(inside.substr(braces ? 1 : 0, end - (braces ? 1 : 0)), ',')) {
            group.emplace_back(trimmed(word));
        }
        inside.remove_prefix(std::min(end + 1, inside.size()));
        if (braces) inside.remove_prefix(std::min(inside.find_first_not_of(" \t,"), inside.size()));
    }
    const bool fits = groups.size() > 1 && std::ranges::all_of(groups, [&](const auto& group) {
                          return group.size() == groups.front().size() && !group.empty();
                      });
    if (!fits) return findings_.error(at, "~LST takes a name and values, or as many of each");
    for (std::size_t i = 1; i < groups.size() && !stopped_; ++i) {
        for (std::size_t j = 0; j < groups[i].size(); ++j) {
            definitions_[groups.front()[j]] = groups[i][j];
        }
        line(rest, at, true, depth + 1);
    }
}

}  // namespace

void for_each_expanded_line(std::size_t file, Findings& findings, const Surroundings& surroundings,
                            const std::function<void(const ExpandedLine&)>& each) {
    Expander(findings, surroundings, each).file(file);
}

}  // namespace isobar::importer
