// SPDX-License-Identifier: Apache-2.0
// Durations as people write them: a whole number and a unit, "500ms", "60s", "5m", "2h", "1d".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace isobar {

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// In the largest unit that needs no fraction: "1m", not "60s".
std::string short_duration(std::chrono::milliseconds time);

}  // namespace isobar
