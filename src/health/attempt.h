// SPDX-License-Identifier: Apache-2.0
// One attempt to ask a server: its subject, its clock, what was said. Whatever it waits for ends
// when its time is over, so that a server that trickles holds nobody longer than one that is mute.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "health/outcome.h"
#include "health/subject.h"
#include "health/task.h"
#include "health/transcript.h"

namespace isobar::health {

class TlsContexts;
class PingSockets;
class Graveyard;

// What all checks have in common.
struct Surroundings {
    boost::asio::io_context& loop;
    std::function<Result<void>(int socket, const Subject& subject)> prepare;
    std::shared_ptr<TlsContexts> tls;
    std::shared_ptr<PingSockets> pings;
    std::shared_ptr<Graveyard> graveyard;
};

class Attempt {
public:
    Attempt(Surroundings& around, const Subject& subject);
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    ~Attempt();

    [[nodiscard]] Surroundings& around() const { return around_; }
    [[nodiscard]] const Subject& subject() const { return subject_; }
    [[nodiscard]] std::chrono::steady_clock::time_point deadline() const { return deadline_; }
    Transcript transcript;

    // Ends what it waits for, now and from now on.
    void end();
    [[nodiscard]] bool over() const { return over_; }
    // "no answer within 2s"
    [[nodiscard]] Outcome late(std::string_view missing = "answer") const;

    // What end() has to do to wake the one who waits; nothing: nobody waits.
    void on_end(std::function<void()> wake) { wake_ = std::move(wake); }

private:
    struct Timer;
    Surroundings& around_;
    const Subject& subject_;
    std::chrono::steady_clock::time_point deadline_;
    bool over_ = false;
    std::function<void()> wake_;
    std::shared_ptr<Timer> timer_;  // shared with its own handler, which may run after the end
};

}  // namespace isobar::health
