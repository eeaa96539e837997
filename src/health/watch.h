// SPDX-License-Identifier: Apache-2.0
// One subject that is followed: its times, its judge, its history. And the desk, which is what
// watches have in common.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "health/attempt.h"
#include "health/judge.h"
#include "health/outcome.h"
#include "health/prober.h"
#include "health/rhythm.h"
#include "health/state.h"
#include "health/subject.h"
#include "health/task.h"
#include "health/transcript.h"

namespace isobar::health {

class Watch;

class Desk {
public:
    explicit Desk(boost::asio::io_context& loop);

    Surroundings around;
    std::function<void(const Subject& subject, const State& state)> changed;  // null at the end

    // Counts those that could not be asked, and says so when it begins and when it is over.
    void is_late(bool was, bool now, const std::string& reason);
    [[nodiscard]] std::string trouble() const;

private:
    std::size_t late_ = 0;
    std::string late_reason_;
    bool said_ = false;
};

class Watch : public std::enable_shared_from_this<Watch> {
public:
    static std::shared_ptr<Watch> make(std::shared_ptr<Desk> desk, Subject subject);
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

    void recall(const Memory& memory);
    void start(Rhythm rhythm);
    void stop();
    void ask(std::function<void(const Outcome&)> done);

    [[nodiscard]] const Subject& subject() const { return subject_; }
    [[nodiscard]] const State& state() const { return state_; }
    [[nodiscard]] Report report() const;

private:
    struct Timer;  // Asio's
    Watch(std::shared_ptr<Desk> desk, Subject subject);

    // Coroutines are plain functions here: `self` keeps the watch until they are over.
    static Task<void> run(std::shared_ptr<Watch> self);
    static Task<Outcome> attempt(Watch* self);
    Task<bool> due();  // false: stopped
    void hear(const Outcome& outcome);
    void plan(const Outcome& outcome, Judge::Next next, Clock::time_point now);
    void smooth(std::chrono::microseconds took);
    void remember(const Outcome& outcome);
    void tell(const State& before);
    void set_late(bool late, const std::string& reason);

    static constexpr std::size_t kResults = 20;

    std::shared_ptr<Desk> desk_;
    Subject subject_;
    Judge judge_;
    State state_;
    std::unique_ptr<Prober> prober_;  // null until it could be made
    std::unique_ptr<Timer> timer_;
    Attempt* running_ = nullptr;
    std::vector<std::function<void(const Outcome&)>> asked_;
    bool stopped_ = false;
    bool late_ = false;
    std::uint32_t unmade_ = 0;   // attempts in a row that could not be made
    std::vector<Past> results_;  // a ring, the oldest at attempts_ % kResults once it is full
    Transcript transcript_;
    std::uint64_t attempts_ = 0;
};

}  // namespace isobar::health
