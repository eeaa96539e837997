// SPDX-License-Identifier: Apache-2.0
#include "base/duration.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <system_error>

namespace isobar {
namespace {

using std::chrono::milliseconds;

struct TimeUnit {
    std::string_view name;
    milliseconds length;
};
constexpr TimeUnit kTimeUnits[] = {{"ms", milliseconds(1)},
                                   {"s", std::chrono::seconds(1)},
                                   {"m", std::chrono::minutes(1)},
                                   {"h", std::chrono::hours(1)},
                                   {"d", std::chrono::days(1)}};

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
    std::uint32_t count = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc{}) return std::nullopt;
    for (const TimeUnit& unit : kTimeUnits) {
        if (unit.name == std::string_view(stop, end)) return count * unit.length;
    }
    return std::nullopt;
}

std::string short_duration(milliseconds time) {
    if (time == milliseconds(0)) return "0s";
    std::string text;
    for (const TimeUnit& unit : kTimeUnits) {
        if (time % unit.length == milliseconds(0))
            text = fmt::format("{}{}", time / unit.length, unit.name);
    }
    return text;
}

}  // namespace isobar
