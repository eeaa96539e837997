// SPDX-License-Identifier: Apache-2.0
// Times as the API tells them: UTC, to the second.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace isobar::api {

// "2025-11-22T17:04:12Z"
std::string iso_time(std::chrono::sys_seconds time);
std::optional<std::chrono::sys_seconds> parse_iso_time(const std::string& text);

}  // namespace isobar::api
