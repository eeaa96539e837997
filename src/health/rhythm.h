// SPDX-License-Identifier: Apache-2.0
// When a check is due: at a fixed rate, counted from its start and not from its last end, so that
// it does not drift. Pure.
#pragma once

#include <chrono>
#include <cstdint>

namespace isobar::health {

class Rhythm {
public:
    using Clock = std::chrono::steady_clock;

    // Number `index` of those that begin at `start`. Their times are spread evenly over the
    // interval; the first attempt is made earlier, within `first_within`, for a server is worth
    // nothing until its first verdict.
    Rhythm(Clock::time_point start, Clock::duration interval, Clock::duration first_within,
           std::uint64_t seed, std::uint64_t index);

    [[nodiscard]] Clock::time_point due() const { return due_; }
    // The attempt that was due is over: on to the first time that is not yet past.
    void advance(Clock::time_point now);
    // Once out of turn, at `at`; the others stay where they are.
    void again_at(Clock::time_point at) { due_ = at; }

private:
    Clock::duration interval_;
    Clock::time_point slot_;  // all slots: this one and whole intervals from it
    Clock::time_point due_;
};

}  // namespace isobar::health
