// SPDX-License-Identifier: Apache-2.0
// What wakes the agent: the signals that end it, changes of interfaces and addresses, and time.
#pragma once

#include <chrono>
#include <optional>

#include "base/fd.h"
#include "base/result.h"

namespace isobar::agent {

enum class Event { Interrupted, Terminated, NetworkChanged, Due };

// Becomes readable by SIGTERM and SIGINT, which end nothing by themselves from here on.
Result<Fd> open_signals();

class Wake {
public:
    // From here on nothing is lost: signals and changes wait until next() takes them.
    static Result<Wake> open();
    // Sleeps until something happens, or it is time. A signal comes before all else.
    using Clock = std::chrono::steady_clock;
    Result<Event> next(std::optional<Clock::time_point> due = std::nullopt);

private:
    Wake(Fd signals, Fd network) : signals_(std::move(signals)), network_(std::move(network)) {}
    Fd signals_;
    Fd network_;
};

}  // namespace isobar::agent
