// SPDX-License-Identifier: Apache-2.0
// What the checks of a server have found: the value behind GET /api/v1/health/SERVICE/SERVER and
// POST /api/v1/checks, and its conversions.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace isobar::api {

struct AttemptView {
    std::chrono::sys_seconds at;
    std::string outcome;  // "good", "bad", "not made"
    std::string reason;
    std::chrono::microseconds took{0};
    bool operator==(const AttemptView&) const = default;
};

struct CheckView {
    std::string type;    // "http"
    std::string target;  // where it is sent
    std::string health;  // "unknown", "up", "down"
    std::chrono::sys_seconds since;
    std::string reason, warning;
    bool damped = false;
    std::chrono::microseconds response{0};  // smoothed; 0: none yet
    std::uint64_t attempts = 0;
    std::vector<AttemptView> last;  // oldest first
    std::string transcript;         // of the last one: "> " sent, "< " received
    bool operator==(const CheckView&) const = default;
};

struct HealthView {
    std::string service, server;
    std::string standing;  // "weight 2, up": what the server gets, and why
    std::vector<CheckView> checks;
    bool operator==(const HealthView&) const = default;
};

std::string health_json(const HealthView& health);
Result<HealthView> parse_health(std::string_view json);

// {"servers":[...]}, each as above: what POST /api/v1/checks answers.
std::string healths_json(const std::vector<HealthView>& servers);
Result<std::vector<HealthView>> parse_healths(std::string_view json);

}  // namespace isobar::api
