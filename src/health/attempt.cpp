// SPDX-License-Identifier: Apache-2.0
#include "health/attempt.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace isobar::health {

struct Attempt::Timer {
    Timer(boost::asio::io_context& loop, Attempt* owner) : timer(loop), attempt(owner) {}
    boost::asio::steady_timer timer;
    Attempt* attempt;  // null when it is gone
};

Attempt::Attempt(Surroundings& around, const Subject& subject)
    : around_(around),
      subject_(subject),
      deadline_(std::chrono::steady_clock::now() + subject.check.timeout),
      timer_(std::make_shared<Timer>(around.loop, this)) {
    timer_->timer.expires_at(deadline_);
    timer_->timer.async_wait([timer = timer_](const boost::system::error_code& error) {
        if (!error && timer->attempt != nullptr) timer->attempt->end();
    });
}

Attempt::~Attempt() {
    timer_->attempt = nullptr;
    boost::system::error_code ignored;
    (void)timer_->timer.cancel(ignored);
}

void Attempt::end() {
    over_ = true;
    if (wake_) std::exchange(wake_, nullptr)();
}

Outcome Attempt::late(std::string_view missing) const {
    const auto limit = subject_.check.timeout.count();
    if (limit % 1000 == 0) return bad(fmt::format("no {} within {}s", missing, limit / 1000));
    return bad(fmt::format("no {} within {}ms", missing, limit));
}

}  // namespace isobar::health
