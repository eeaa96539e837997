// SPDX-License-Identifier: Apache-2.0
#include "health/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "base/log.h"
#include "health/child.h"
#include "health/ping_sockets.h"
#include "health/tls.h"

namespace isobar::health {
namespace {

namespace asio = boost::asio;

// What could not be asked is asked again after this, twice as long each time, at most the interval:
// ten thousand without a descriptor must not spin.
constexpr std::chrono::milliseconds kAgain{100};

}  // namespace

// ---- the desk ----

Desk::Desk(asio::io_context& loop)
    : around{loop,
             {},
             std::make_shared<TlsContexts>(),
             std::make_shared<PingSockets>(loop),
             std::make_shared<Graveyard>()} {}

void Desk::is_late(bool was, bool now, const std::string& reason) {
    if (now) late_reason_ = reason;
    if (was == now) return;
    now ? ++late_ : --late_;
    if (late_ == 0) {
        log::notice("health checks are made in time again");
        said_ = false;
    } else if (!said_) {
        log::warning("health checks cannot be made: " + reason);
        said_ = true;
    }
}

std::string Desk::trouble() const {
    if (late_ == 0) return {};
    return fmt::format("{} {} late: {}", late_, late_ == 1 ? "check is" : "checks are",
                       late_reason_);
}

// ---- a watch ----

struct Watch::Timer {
    explicit Timer(asio::io_context& loop) : timer(loop) {}
    asio::steady_timer timer;
    Rhythm rhythm{{}, {}, {}, 0, 0};
};

Watch::Watch(std::shared_ptr<Desk> desk, Subject subject)
    : desk_(std::move(desk)),
      subject_(std::move(subject)),
      judge_(subject_.check),
      timer_(std::make_unique<Timer>(desk_->around.loop)) {
    state_.health = judge_.health();
    state_.since = std::chrono::system_clock::now();
    state_.since_steady = Clock::now();
    state_.reason = "not checked yet";
}

Watch::~Watch() = default;

std::shared_ptr<Watch> Watch::make(std::shared_ptr<Desk> desk, Subject subject) {
    return std::shared_ptr<Watch>(new Watch(std::move(desk), std::move(subject)));
}

void Watch::recall(const Memory& memory) {
    judge_.recall(memory.health, memory.damped);
    state_.health = judge_.health();
    state_.damped = judge_.damped();
    state_.reason = memory.reason;
    state_.weight = memory.weight;
    // A clock that was set back does not make it begin in the future.
    const auto age = std::max(state_.since - memory.since, std::chrono::system_clock::duration(0));
    state_.since -= age;
    state_.since_steady -= age;
}

void Watch::start(Rhythm rhythm) {
    timer_->rhythm = rhythm;
    // Shared with the coroutine: the loop may let go of it last.
    asio::co_spawn(desk_->around.loop, run(shared_from_this()), asio::detached);
}

void Watch::stop() {
    stopped_ = true;
    set_late(false, {});
    timer_->timer.cancel();
    if (running_ != nullptr) running_->end();
}

void Watch::ask(std::function<void(const Outcome&)> done) {
    asked_.push_back(std::move(done));
    timer_->timer.cancel();
}

Task<void> Watch::run(std::shared_ptr<Watch> self) {
    while (co_await self->due()) {
        auto asked = std::exchange(self->asked_, {});
        const Outcome outcome = co_await attempt(self.get());
        if (self->stopped_) co_return;
        self->hear(outcome);
        for (const auto& done : asked) {
            if (done && !self->stopped_) done(outcome);
        }
    }
}

Task<bool> Watch::due() {
    boost::system::error_code cancelled;
    while (!stopped_ && asked_.empty() && Clock::now() < timer_->rhythm.due()) {
        timer_->timer.expires_at(timer_->rhythm.due());
        co_await timer_->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    co_return !stopped_;
}

Task<Outcome> Watch::attempt(Watch* self) {
    const auto begun = Clock::now();
    Outcome outcome;
    try {
        Attempt attempt(self->desk_->around, self->subject_);
        self->running_ = &attempt;
        std::string unmade;
        if (!self->prober_) {
            MadeProber made = make_prober(self->subject_);
            if (made) {
                self->prober_ = *std::move(made);
            } else {
                unmade = made.error().message;
            }
        }
        // No ?: here: g++ 12 copies its result byte by byte when one side is awaited.
        if (self->prober_) {
            outcome = co_await self->prober_->probe(attempt);
        } else {
            outcome = not_made(unmade);
        }
        self->transcript_ = std::move(attempt.transcript);
    } catch (const std::exception& error) {
        outcome = not_made(error.what());
    }
    self->running_ = nullptr;
    outcome.took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun);
    co_return outcome;
}

void Watch::hear(const Outcome& outcome) {
    const State before = state_;
    const auto now = Clock::now();
    const Judge::Next next = judge_.hear(outcome.kind, now);
    remember(outcome);
    plan(outcome, next, now);
    if (outcome.kind == Outcome::Kind::NotMade) {
        if (state_.health == Health::Unknown) state_.reason = outcome.reason;
        set_late(true, outcome.reason);
        return;
    }
    set_late(false, {});
    const std::string waiting = judge_.waiting(now);
    state_.reason = waiting.empty() ? outcome.reason : outcome.reason + "; " + waiting;
    state_.health = judge_.health();
    state_.damped = judge_.damped();
    if (outcome.kind == Outcome::Kind::Good) {
        state_.warning = outcome.warning;
        state_.weight = outcome.weight;
        if (outcome.answered) smooth(outcome.took);
        ++state_.answers;
        state_.load = outcome.load;
        if (outcome.agent) state_.agent = load::after(state_.agent, *outcome.agent);
    }
    tell(before);
}

void Watch::smooth(std::chrono::microseconds took) {
    auto& response = state_.response;
    response = response.count() == 0 ? took : (response * 7 + took) / 8;
}

void Watch::plan(const Outcome& outcome, Judge::Next next, Clock::time_point now) {
    if (outcome.kind != Outcome::Kind::NotMade) {
        unmade_ = 0;
        if (next == Judge::Next::Retry) {
            timer_->rhythm.again_at(now + subject_.check.retry_delay);
        } else {
            timer_->rhythm.advance(now);
        }
        return;
    }
    const auto pause =
        std::min<Clock::duration>(kAgain * (1U << std::min(unmade_, 6U)), subject_.check.interval);
    ++unmade_;
    timer_->rhythm.again_at(now + pause);
}

void Watch::remember(const Outcome& outcome) {
    Past past{.at = std::chrono::system_clock::now(), .outcome = outcome};
    if (results_.size() < kResults) {
        results_.push_back(std::move(past));
    } else {
        results_[attempts_ % kResults] = std::move(past);
    }
    ++attempts_;
}

void Watch::tell(const State& before) {
    if (state_.health != before.health) {
        state_.since = std::chrono::system_clock::now();
        state_.since_steady = Clock::now();
    }
    const bool changed = state_.health != before.health || state_.weight != before.weight ||
                         state_.warning != before.warning || state_.damped != before.damped ||
                         state_.agent.duty != before.agent.duty ||
                         state_.agent.fitness != before.agent.fitness;
    // A copy: follow() may be called from there, and drop this one.
    if (changed && desk_->changed) desk_->changed(subject_, State(state_));
}

void Watch::set_late(bool late, const std::string& reason) {
    desk_->is_late(late_, late, reason);
    late_ = late;
}

Report Watch::report() const {
    Report report{.state = state_,
                  .results = results_,
                  .transcript = transcript_.text(),
                  .attempts = attempts_};
    if (results_.size() == kResults) {
        std::rotate(report.results.begin(),
                    report.results.begin() + static_cast<std::ptrdiff_t>(attempts_ % kResults),
                    report.results.end());
    }
    return report;
}

}  // namespace isobar::health
