// SPDX-License-Identifier: Apache-2.0
// Asks servers whether they are fit, each at its own rate, in the caller's event loop. Says what
// is known; what follows from it is decided elsewhere (src/control).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "health/outcome.h"
#include "health/state.h"
#include "health/subject.h"

// Asio stays in the .cpp files: it costs seconds to compile.
namespace boost::asio {
class io_context;
}

namespace isobar::health {

struct Options {
    std::uint64_t seed = 0;  // of the times at which checks begin
    // Called for every socket before it connects: the way to the server (SO_MARK). An error is a
    // check that is not made. Pings that go through the service have a socket of their own.
    std::function<Result<void>(int socket, const Subject& subject)> prepare;
};

// All calls are made on the loop's thread. It ends before the loop does.
class Checker {
public:
    // After health, weight, warning or damped changed; state() says the same already. It may call
    // the Checker. Not called for what follow() itself sets (begins_up, recalled states).
    using Changed = std::function<void(const Subject& subject, const State& state)>;

    Checker(boost::asio::io_context& loop, Changed changed, Options options = {});
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;
    ~Checker();

    // These are checked from now on, and no others. Those that were keep their state and their
    // times.
    void follow(std::vector<Subject> subjects);

    // What an earlier daemon knew: taken by subjects that follow() adds later.
    void recall(std::vector<Memory> memories);
    [[nodiscard]] std::vector<Memory> memories() const;

    // Nothing for a subject that is not followed.
    [[nodiscard]] std::optional<State> state(const Subject& subject) const;
    [[nodiscard]] std::optional<Report> report(const Subject& subject) const;

    // An attempt at once, beside those that are due. `done` is called with what it found, after
    // the state is visible; never if the subject is dropped before. False: it is not followed.
    bool check_now(const Subject& subject, std::function<void(const Outcome&)> done = {});

    // Why checks are late at present ("12 checks are late: too many open files"); empty if none is.
    [[nodiscard]] std::string trouble() const;

private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace isobar::health
