// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/load_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "load/reading.h"

namespace isobar::agent {
namespace {

// The word that follows a name.
std::optional<double> number_after(std::string_view text, std::string_view name) {
    const auto at = text.find(name);
    if (at == std::string_view::npos) return std::nullopt;
    text.remove_prefix(at + name.size());
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return std::nullopt;
    text.remove_prefix(begin);
    return load::parse_number(text.substr(0, text.find_first_of(" \t\n")));
}

}  // namespace

std::optional<double> busy_by_load(std::string_view loadavg, unsigned cpus) {
    const auto load = load::parse_number(loadavg.substr(0, loadavg.find(' ')));
    if (!load || cpus == 0) return std::nullopt;
    return *load / cpus;
}

std::optional<double> busy_by_pressure(std::string_view pressure) {
    const auto some = number_after(pressure, "some avg10=");
    if (!some) return std::nullopt;
    return *some / 100;
}

std::optional<double> busy_by_memory(std::string_view meminfo) {
    const auto total = number_after(meminfo, "MemTotal:");
    const auto available = number_after(meminfo, "MemAvailable:");
    if (!total || !available || *total <= 0) return std::nullopt;
    return 1 - *available / *total;
}

std::string agent_line(double busy) {
    return fmt::format("{:.0f}%\n", std::clamp(std::round(100 * (1 - busy)), 1.0, 100.0));
}

}  // namespace isobar::agent
