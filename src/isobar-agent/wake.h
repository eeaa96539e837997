// SPDX-License-Identifier: Apache-2.0
// What wakes the agent: the signals that end it, and changes of interfaces and addresses.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace isobar::agent {

enum class Event { Interrupted, Terminated, NetworkChanged };

class Wake {
public:
    // From here on nothing is lost: signals and changes wait until next() takes them.
    static Result<Wake> open();
    // Sleeps until something happens.
    Result<Event> next();

private:
    Wake(Fd signals, Fd network) : signals_(std::move(signals)), network_(std::move(network)) {}
    Fd signals_;
    Fd network_;
};

}  // namespace isobar::agent
