// SPDX-License-Identifier: Apache-2.0
// Keeps an eye on the servers of a configuration: has them checked, and says how they are, as
// plan() wants to know it. Decides nothing.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/condition.h"
#include "control/load_watch.h"
#include "control/plan.h"
#include "health/checker.h"
#include "health/state.h"
#include "health/subject.h"
#include "model/config.h"

namespace isobar::control {

// A server of a service, and how it is asked.
struct WatchedServer {
    ServerName name;
    std::vector<health::Subject> subjects;  // all must be good; none: it is taken for good
    std::chrono::milliseconds slow_start{0};
    std::optional<health::Subject> load{};  // how it is asked for its load
};

// Those that are enabled, in services that are.
std::vector<WatchedServer> watched_servers(const model::Config& config);

// The servers that an isobard before this one has left up, by what runs: one that is in its service
// with weight 0 may have been drained, and was down only where such ones are quiesced.
std::set<ServerName> left_up(const std::vector<model::ServiceStatus>& running,
                             const model::Config& config);

// A check of a server, and what it has found.
struct CheckReport {
    health::Subject subject;
    health::Report report;
};

// What the checks of a server make of it. `presumed`: it served before anybody checked it, and goes
// on until that is known better.
ServerCondition condition_of(const WatchedServer& server, const StateOf& state_of, bool presumed,
                             std::chrono::steady_clock::time_point now);

class ServerWatch {
public:
    explicit ServerWatch(boost::asio::io_context& loop);
    ServerWatch(const ServerWatch&) = delete;
    ServerWatch& operator=(const ServerWatch&) = delete;
    ~ServerWatch() = default;

    // These servers from now on; checks that were go on.
    void follow(const model::Config& config, std::set<ServerName> presumed);

    // Is there anything new since the conditions that were acted on? A slow start is, every second,
    // and weights by load are when they are due.
    [[nodiscard]] bool is_stale(std::chrono::steady_clock::time_point now) const;
    Conditions conditions(std::chrono::steady_clock::time_point now);
    // The last conditions were acted on, and this is what became of it.
    void settle(const std::vector<ServicePlan>& plans);

    // Why checks are late, and what they warn about; a line each.
    [[nodiscard]] std::vector<std::string> troubles() const;
    // Of each check of the server, in the order of the configuration; then of its load.
    [[nodiscard]] std::vector<CheckReport> reports(const ServerName& server) const;
    // All checks of these servers at once. `done` is called when each has its verdict, which the
    // next conditions() know of; never if one of them is not followed any more by then. How long
    // that takes at most.
    std::chrono::milliseconds check_now(const std::vector<ServerName>& servers,
                                        std::function<void()> done);

private:
    std::vector<WatchedServer> servers_;
    std::set<ServerName> presumed_;
    std::set<ServerName> by_load_;  // that get what their load allows
    LoadWatch loads_;
    bool changed_ = false;
    std::optional<std::chrono::steady_clock::time_point> next_step_;  // of slow starts
    std::unique_ptr<health::Checker> checker_;
};

}  // namespace isobar::control
