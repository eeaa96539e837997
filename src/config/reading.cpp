// SPDX-License-Identifier: Apache-2.0
#include "config/reading.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/printable.h"
#include "config/suggest.h"

namespace isobar::config {
namespace {

// Enough to mend any file by; more would be memory and time spent on a file of noise.
constexpr std::size_t kMostErrors = 1000;

std::vector<std::string> names_of(const std::vector<const FieldDoc*>& fields) {
    std::vector<std::string> names;
    for (const FieldDoc* field : fields) {
        if (field->presence != Presence::Later) names.push_back(field->key);
    }
    return names;
}

}  // namespace

void Reading::error(Position at, const std::string& message, std::string hint) {
    if (errors_.size() >= kMostErrors) return;
    const std::string prefix = key_.empty() ? "" : std::string(key_) + ": ";
    errors_.push_back(source_.at(at, prefix + message, std::move(hint)));
}

void Reading::wrong_type(const Value& value, std::string_view expected, std::string hint) {
    error(value.at, fmt::format("expected {}, found {}", expected, value.type()), std::move(hint));
}

std::vector<Reading::Match> Reading::match(const Table& table, Position at, std::string_view title,
                                           const std::vector<const FieldDoc*>& fields) {
    const Key none(*this, "");
    std::vector<Match> matches;
    std::vector<bool> present(fields.size());
    for (const Entry& entry : table) {
        if (errors_.size() >= kMostErrors) break;
        const auto found = std::find_if(fields.begin(), fields.end(), [&](const FieldDoc* field) {
            return field->key == entry.key;
        });
        const std::string where = title.empty() ? "" : fmt::format(" in {}", title);
        if (found == fields.end()) {
            error(entry.at, fmt::format("unknown key '{}'{}", printable(entry.key), where),
                  suggestion(entry.key, names_of(fields)));
        } else if ((*found)->presence == Presence::Later) {
            error(entry.at,
                  fmt::format("'{}' comes with a later version of Isobar; remove it for now",
                              entry.key));
        } else {
            const auto index = static_cast<std::size_t>(found - fields.begin());
            present[index] = true;
            matches.push_back({&entry.value, index});
        }
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i]->presence != Presence::Required || present[i]) continue;
        error(at, fmt::format("{} has no '{}'", title, fields[i]->key),
              fmt::format("add: {} = {}", fields[i]->key, fields[i]->example));
    }
    return matches;
}

std::vector<Diagnostic> Reading::errors() && {
    std::sort(errors_.begin(), errors_.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::tie(a.line, a.column, a.message) < std::tie(b.line, b.column, b.message);
    });
    if (errors_.size() >= kMostErrors) {
        Diagnostic more = errors_.back();
        more.message = fmt::format("there are more than {} errors; this is the last one shown",
                                   kMostErrors - 1);
        more.hint.clear();
        errors_.back() = more;
    }
    return std::move(errors_);
}

}  // namespace isobar::config
