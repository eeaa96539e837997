// SPDX-License-Identifier: Apache-2.0
// From the results of attempts to "up" and "down". Pure: results and times come in.
//
//   unknown --first verdict--> up, down      (a good one at once, as with nanny)
//   up   --`fall` bad ones in a row, each after its retries--> down
//   down --`rise` good ones in a row, good for `reentry`--> up
//
// At most kMostChanges a minute: a server may come in only if its next fall would still fit. If
// not, it is damped: held down until it was good for a whole minute.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "health/outcome.h"
#include "health/state.h"
#include "model/check.h"

namespace isobar::health {

using Clock = std::chrono::steady_clock;

// Changes of a server in any `kWindow`, at most.
inline constexpr std::size_t kMostChanges = 6;
inline constexpr std::chrono::seconds kWindow{60};

class Judge {
public:
    explicit Judge(const model::Check& check);

    // As it was left by an earlier daemon.
    void recall(Health health, bool damped);

    enum class Next : std::uint8_t {
        AsPlanned,
        Retry,  // the attempt failed, which does not count yet: again after retry_delay
    };
    Next hear(Outcome::Kind result, Clock::time_point now);

    [[nodiscard]] Health health() const { return health_; }
    [[nodiscard]] bool damped() const { return damped_; }
    // Why a server whose last attempt was good is not up: "good for 3s of 60s"; else empty.
    [[nodiscard]] std::string waiting(Clock::time_point now) const;

private:
    void hear_good(Clock::time_point now);
    Next hear_bad(Clock::time_point now);
    void become(Health health, Clock::time_point now);
    [[nodiscard]] std::size_t changes_since(Clock::time_point start) const;
    [[nodiscard]] Clock::duration wanted() const;

    std::uint32_t rise_;
    std::uint32_t fall_;
    std::uint32_t retries_;
    Clock::duration reentry_;

    Health health_ = Health::Unknown;
    bool damped_ = false;
    std::uint32_t goods_ = 0;  // in a row
    std::uint32_t bads_ = 0;
    std::uint32_t retried_ = 0;
    Clock::time_point good_since_;
    // The last ones, in a ring.
    std::array<std::optional<Clock::time_point>, kMostChanges> changes_{};
    std::size_t next_change_ = 0;
};

}  // namespace isobar::health
