// SPDX-License-Identifier: Apache-2.0
#include "api/iso_time.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <iomanip>
#include <sstream>

namespace isobar::api {

std::string iso_time(std::chrono::sys_seconds time) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time));
}

// std::chrono::parse is not in g++ 12.
std::optional<std::chrono::sys_seconds> parse_iso_time(const std::string& text) {
    std::tm parts{};
    std::istringstream stream(text);
    stream >> std::get_time(&parts, "%Y-%m-%dT%H:%M:%SZ");
    if (stream.fail()) return std::nullopt;
    return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

}  // namespace isobar::api
