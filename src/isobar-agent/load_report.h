// SPDX-License-Identifier: Apache-2.0
// How busy this host is, as the share of its weight that it asks a load balancer for. Pure: texts
// of /proc to a line of HAProxy's agent-check.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace isobar::agent {

// What is looked at; the busiest counts.
enum class Busy { Load, Pressure, Memory };

// From 0, idle, to 1 and above; nothing if the text is not what it should be.
std::optional<double> busy_by_load(std::string_view loadavg, unsigned cpus);  // /proc/loadavg
std::optional<double> busy_by_pressure(std::string_view pressure);  // /proc/pressure/cpu, 10 s
std::optional<double> busy_by_memory(std::string_view meminfo);     // /proc/meminfo

// "75%\n" of one that is busy by a quarter. At least 1 %: none at all would take it out.
std::string agent_line(double busy);

}  // namespace isobar::agent
