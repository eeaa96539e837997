// SPDX-License-Identifier: Apache-2.0
// Which directive is read how: tables that the readers of the formats look names up in.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/printable.h"
#include "config/suggest.h"
#include "import/findings.h"
#include "import/node.h"

namespace isobar::importer {

// Read by a member of Reader.
template <typename Reader>
struct Directive {
    std::string_view name;
    void (Reader::*read)(const Node&);
};

// Known, not honoured: why not.
struct NotHonoured {
    std::string_view name;
    std::string_view reason;
};

// Reasons that are given often.
inline constexpr std::string_view kFailover = "comes with failover";
inline constexpr std::string_view kMail = "isobard sends no mail: notify runs a program";
inline constexpr std::string_view kOwnProcess = "isobard is one process and needs none of it";

inline void note_not_honoured(const Node& node, std::string_view reason, Findings& findings) {
    findings.note(node.key.at,
                  fmt::format("{} is not honoured: {}", printable(node.key.text), reason));
}

// What to say about a name that is in neither table.
template <typename Reader>
std::string suggest(std::string_view name, std::span<const Directive<Reader>> read,
                    std::span<const NotHonoured> known) {
    std::vector<std::string> names;
    for (const auto& each : read) names.emplace_back(each.name);
    for (const auto& each : known) names.emplace_back(each.name);
    return config::suggestion(name, names);
}

enum class Unknown { IsError, IsNote };

// Reads `node` by the table it is in. Unknown ones are said to be so.
template <typename Reader>
void read_directive(Reader& reader, const Node& node, std::span<const Directive<Reader>> table,
                    std::span<const NotHonoured> known, Unknown unknown, Findings& findings) {
    const std::string_view name = node.key.text;
    const auto found = std::ranges::find(table, name, &Directive<Reader>::name);
    if (found != table.end()) return (reader.*(found->read))(node);
    const auto reason = std::ranges::find(known, name, &NotHonoured::name);
    if (reason != known.end()) return note_not_honoured(node, reason->reason, findings);
    const std::string message = fmt::format("unknown keyword '{}'", printable(name));
    const std::string hint = findings.few() ? suggest(name, table, known) : std::string();
    if (unknown == Unknown::IsError) return findings.error(node.key.at, message, hint);
    findings.note(node.key.at, message, hint);
}

}  // namespace isobar::importer
