// SPDX-License-Identifier: Apache-2.0
// What two configurations say differently, in the words of the file. Values that mean the same
// ("60s" and "1m", a default written out, another order of the servers) are no difference.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace isobar::config {

enum class Step : std::uint8_t { Added, Removed, Changed };
std::string_view name(Step step);  // "added"

struct Difference {
    Step step = Step::Changed;
    std::string where;          // "service web", "director"
    std::string key;            // "scheduler", "server 192.168.10.100 weight"; empty: all of it
    std::string before, after;  // as in a file; of what is not written: its default, or "none"
    bool operator==(const Difference&) const = default;
};

// Of two texts of isobar.toml that load; one that does not counts as empty.
std::vector<Difference> differences(std::string_view before, std::string_view after);

}  // namespace isobar::config
