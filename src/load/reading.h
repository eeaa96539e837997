// SPDX-License-Identifier: Apache-2.0
// What a server says of its load, in the words of each source: bytes to values. Nothing that comes
// from a server is trusted: what is no reading is none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace isobar::load {

// Beyond this nobody has load; it is a mistake, or a lie.
inline constexpr double kMostLoad = 1e6;
// HAProxy's agents may ask for so much.
inline constexpr double kMostPercent = 25600;

// One of the two.
struct Reading {
    std::optional<double> load;  // the more, the more it has to do: run queue, utilisation, seconds
    std::optional<double> percent;  // that it asks for, of its configured weight
    bool operator==(const Reading&) const = default;
};

// A number from 0 to kMostLoad: "2.10". Blanks around it do not matter.
std::optional<double> parse_load(std::string_view text);

// Any number from 0 on, and nothing around it.
std::optional<double> parse_number(std::string_view text);

// The average of the last minute in what uptime, rup or ruptime print. The last number after
// "load", so that a host name with that word does not count.
std::optional<double> parse_load_average(std::string_view text);

// The member at a path of names and indices ("a.b.0") of a JSON text, if it is a number, or a text
// that is one.
std::optional<double> parse_json_field(std::string_view json, std::string_view path);

// ---- HAProxy's agent-check ----

struct AgentAnswer {
    enum class Duty : std::uint8_t { Same, Ready, Drain, Maintenance };  // what it is meant to do
    enum class Fitness : std::uint8_t { Same, Up, Down };
    Duty duty = Duty::Same;
    Fitness fitness = Fitness::Same;
    std::optional<double> percent;
    std::string why;  // after '#', of down
    bool operator==(const AgentAnswer&) const = default;
};

// What holds after an answer: what it does not speak of stays.
AgentAnswer after(const AgentAnswer& before, const AgentAnswer& answer);

// One line. Nothing if no word of it is known.
std::optional<AgentAnswer> parse_agent_answer(std::string_view text);

}  // namespace isobar::load
