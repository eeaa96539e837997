// SPDX-License-Identifier: Apache-2.0
// What one attempt to ask a server found.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "load/reading.h"

namespace isobar::health {

struct Outcome {
    enum class Kind : std::uint8_t {
        Good,
        Bad,
        NotMade,  // we could not ask (no descriptor, no memory, no such user): says nothing
    };
    Kind kind = Kind::Bad;
    std::string reason;  // "status 503, wanted 200-399"
    std::chrono::microseconds took{0};
    bool answered = true;                   // took is the server's time, and not just ours
    std::optional<std::uint32_t> weight{};  // a program that sets it
    std::string warning{};                  // "certificate ends 2026-12-01"
    std::optional<double> load{};           // that it was asked for
    std::optional<load::AgentAnswer> agent{};
};

inline Outcome good(std::string reason) {
    return Outcome{.kind = Outcome::Kind::Good, .reason = std::move(reason)};
}
inline Outcome bad(std::string reason) {
    return Outcome{.kind = Outcome::Kind::Bad, .reason = std::move(reason)};
}
inline Outcome not_made(std::string reason) {
    return Outcome{.kind = Outcome::Kind::NotMade, .reason = std::move(reason)};
}

}  // namespace isobar::health
