// SPDX-License-Identifier: Apache-2.0
// What has happened, for operators: said in the log, and kept for a while to be looked up. Both
// from here, so that they cannot differ.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isobar::control {

struct Event {
    enum class Kind : std::uint8_t {
        Up,        // a server serves again
        Down,      // or does not any more, for whatever reason
        Quorum,    // a service has its quorum again
        NoQuorum,  // or has lost it
        Wish,      // an operator has said something of a server
        Applied,   // a configuration
        Refused,
        Drift,  // others have changed what the configuration brought
        Table,  // of connections: it has grown, or given back
    };
    Kind kind = Kind::Applied;
    std::string service, server;  // empty: it is about none
    std::string text;             // "down: connection refused"
    std::uint64_t id = 0;         // counted from 1 on
    std::chrono::sys_seconds at{};

    [[nodiscard]] std::string line() const;  // "web: server 10.1.1.1:80 down: connection refused"
    bool operator==(const Event&) const = default;
};
std::string_view name(Event::Kind kind);  // "down"
std::optional<Event::Kind> event_kind_named(std::string_view name);

class EventLog {
public:
    static constexpr std::size_t kKept = 1000;

    // `say` is one of log's. Whoever waits is called back.
    void note(void (*say)(std::string_view), Event event);

    // Those behind `id`, oldest first, at most so many; without it the last ones. An id that there
    // is not yet is of an isobard before this one: then all.
    [[nodiscard]] std::vector<Event> after(std::optional<std::uint64_t> id, std::size_t most) const;
    [[nodiscard]] std::uint64_t last() const { return last_; }

    // Called once, after the next event. Of very many that wait the oldest are forgotten.
    void wait(std::function<void()> told);

private:
    std::deque<Event> events_;
    std::uint64_t last_ = 0;
    std::deque<std::function<void()>> waiting_;
};

}  // namespace isobar::control
