// SPDX-License-Identifier: Apache-2.0
// What is known about a subject: values, as `isobar health` shows them and control plans with.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "health/outcome.h"

namespace isobar::health {

enum class Health : std::uint8_t { Unknown, Up, Down };
std::string_view name(Health health);  // "unknown"
std::optional<Health> health_named(std::string_view name);

struct State {
    Health health = Health::Unknown;
    std::chrono::system_clock::time_point since;
    std::chrono::steady_clock::time_point since_steady;
    std::string reason;                     // of the last attempt, or why it is held down
    std::optional<std::uint32_t> weight;    // that a program gave it
    std::chrono::microseconds response{0};  // of good attempts, smoothed; 0: none yet
    std::string warning;                    // about its certificate
    std::uint64_t answers = 0;              // good attempts
    std::optional<double> load;             // of the last one
    load::AgentAnswer agent;                // all that its agent has said: the last of each
    bool damped = false;                    // changed too often: held down until it is stable
};

// One attempt, as it is remembered.
struct Past {
    std::chrono::system_clock::time_point at;
    Outcome outcome;
};

struct Report {
    State state;
    std::vector<Past> results;  // the last 20, oldest first
    // What was said in the last attempt, printable, a line for each piece: "> " sent, "< "
    // received, "= " ours.
    std::string transcript;
    std::uint64_t attempts = 0;
};

// What outlives the daemon: plain values.
struct Memory {
    std::string key;  // key_of(subject)
    Health health = Health::Unknown;
    std::chrono::system_clock::time_point since;
    std::string reason;
    std::optional<std::uint32_t> weight;
    bool damped = false;
};

}  // namespace isobar::health
