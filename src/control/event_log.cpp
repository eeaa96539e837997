// SPDX-License-Identifier: Apache-2.0
#include "control/event_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace isobar::control {
namespace {

constexpr std::array<std::string_view, 9> kNames{
    "up", "down", "quorum", "no-quorum", "wish", "applied", "refused", "drift", "table"};
constexpr std::size_t kMostWaiting = 256;

}  // namespace

std::string_view name(Event::Kind kind) {
    return kNames.at(static_cast<std::size_t>(kind));
}

std::optional<Event::Kind> event_kind_named(std::string_view text) {
    const auto* const found = std::ranges::find(kNames, text);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<Event::Kind>(found - kNames.begin());
}

std::string Event::line() const {
    if (service.empty()) return text;
    if (server.empty()) return fmt::format("{}: {}", service, text);
    return fmt::format("{}: server {}{} {}", service, server, kind == Kind::Wish ? ":" : "", text);
}

void EventLog::note(void (*say)(std::string_view), Event event) {
    say(event.line());
    event.id = ++last_;
    event.at = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    events_.push_back(std::move(event));
    if (events_.size() > kKept) events_.pop_front();
    for (const auto& told : std::exchange(waiting_, {})) told();
}

std::vector<Event> EventLog::after(std::optional<std::uint64_t> id, std::size_t most) const {
    auto first = events_.begin();
    if (!id) {
        first = events_.end() - static_cast<std::ptrdiff_t>(std::min(most, events_.size()));
    } else if (*id <= last_) {
        first = std::ranges::upper_bound(events_, *id, {}, &Event::id);
    }
    const auto left = static_cast<std::size_t>(events_.end() - first);
    return {first, first + static_cast<std::ptrdiff_t>(std::min(most, left))};
}

void EventLog::wait(std::function<void()> told) {
    waiting_.push_back(std::move(told));
    if (waiting_.size() > kMostWaiting) waiting_.pop_front();
}

}  // namespace isobar::control
