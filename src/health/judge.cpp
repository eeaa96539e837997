// SPDX-License-Identifier: Apache-2.0
#include "health/judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace isobar::health {

Judge::Judge(const model::Check& check)
    : rise_(std::max(check.rise, 1U)),
      fall_(std::max(check.fall, 1U)),
      retries_(check.retries),
      reentry_(check.reentry),
      health_(check.begins_up ? Health::Up : Health::Unknown) {}

void Judge::recall(Health health, bool damped) {
    if (health == Health::Unknown) return;
    health_ = health;
    damped_ = damped && health == Health::Down;
}

Judge::Next Judge::hear(Outcome::Kind result, Clock::time_point now) {
    if (result == Outcome::Kind::NotMade) return Next::AsPlanned;
    if (result == Outcome::Kind::Bad) return hear_bad(now);
    hear_good(now);
    return Next::AsPlanned;
}

void Judge::hear_good(Clock::time_point now) {
    bads_ = 0;
    retried_ = 0;
    if (goods_ == 0) good_since_ = now;
    if (goods_ < rise_) ++goods_;
    if (health_ == Health::Up) return;
    if (health_ == Health::Unknown) return become(Health::Up, now);
    if (goods_ < rise_ || now - good_since_ < wanted()) return;
    // Its fall must have room, too. A minute of good ones leaves no change to count.
    if (changes_since(now - kWindow) + 2 > kMostChanges) {
        damped_ = true;
        return;
    }
    damped_ = false;
    become(Health::Up, now);
}

Judge::Next Judge::hear_bad(Clock::time_point now) {
    // Of a server that is down, and was not good since, there is nothing to be sure of.
    const bool matters = health_ != Health::Down || goods_ > 0;
    if (matters && retried_ < retries_) {
        ++retried_;
        return Next::Retry;
    }
    retried_ = 0;
    goods_ = 0;
    if (bads_ < fall_) ++bads_;
    if (health_ == Health::Unknown || (health_ == Health::Up && bads_ >= fall_)) {
        become(Health::Down, now);
    }
    return Next::AsPlanned;
}

void Judge::become(Health health, Clock::time_point now) {
    health_ = health;
    changes_[next_change_] = now;
    next_change_ = (next_change_ + 1) % changes_.size();
}

std::size_t Judge::changes_since(Clock::time_point start) const {
    return static_cast<std::size_t>(
        std::count_if(changes_.begin(), changes_.end(),
                      [&](const auto& change) { return change && *change > start; }));
}

Clock::duration Judge::wanted() const {
    return damped_ ? std::max<Clock::duration>(reentry_, kWindow) : reentry_;
}

std::string Judge::waiting(Clock::time_point now) const {
    if (health_ != Health::Down || goods_ == 0) return {};
    using std::chrono::duration_cast;
    using std::chrono::seconds;
    auto text =
        fmt::format("good for {}s of {}s", duration_cast<seconds>(now - good_since_).count(),
                    duration_cast<seconds>(wanted()).count());
    if (damped_) return fmt::format("it changed {} times in a minute: {}", kMostChanges, text);
    if (wanted() > now - good_since_) return text;
    return fmt::format("good {} times of {}", goods_, rise_);
}

}  // namespace isobar::health
