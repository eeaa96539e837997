// SPDX-License-Identifier: Apache-2.0
#include "control/server_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include "control/probe_services.h"

namespace isobar::control {
namespace {

using std::chrono::steady_clock;

// A slow start goes up in so many steps, the first of which is its beginning.
constexpr std::uint32_t kSteps = 32;
constexpr std::chrono::seconds kStepsEvery{1};
// What a check may take beyond its time-out where the machine is busy.
constexpr std::chrono::seconds kScheduling{2};

std::uint32_t share_of(std::chrono::milliseconds slow_start, steady_clock::duration age) {
    if (age >= slow_start) return kWholeShare;
    const auto step = 1 + static_cast<std::uint32_t>(age * kSteps / slow_start);
    return std::min(kWholeShare, step * kWholeShare / kSteps);
}

// The worse of two: what is down is not unknown any more.
bool is_worse(Health one, Health other) {
    const auto rank = [](Health health) {
        return health == Health::Down ? 2 : health == Health::Unknown ? 1 : 0;
    };
    return rank(one) > rank(other);
}

}  // namespace

std::vector<WatchedServer> watched_servers(const model::Config& config) {
    std::vector<WatchedServer> all;
    const auto marks = probe_marks(config);
    for (const model::ServiceConfig& service : config.services) {
        if (!service.enabled) continue;
        for (const model::ServerConfig& server : service.servers) {
            if (!server.enabled) continue;
            WatchedServer watched{{service.name, server.address},
                                  {},
                                  service.slow_start,
                                  load_subject(service, server)};
            for (const model::Check& check : server.checks)
                watched.subjects.push_back(check_subject(service, server, check, marks));
            all.push_back(std::move(watched));
        }
    }
    return all;
}

std::set<ServerName> left_up(const std::vector<model::ServiceStatus>& running,
                             const model::Config& config) {
    std::set<ServerName> servers;
    for (const model::ServiceConfig& service : config.services) {
        const auto found = std::ranges::find(running, service.key(), &model::ServiceStatus::key);
        if (found == running.end()) continue;
        std::map<model::Endpoint, model::Weight> weights;
        for (const model::ServerStatus& each : found->servers)
            weights.emplace(each.server.address, each.server.weight);
        for (const model::ServerConfig& server : service.servers) {
            const auto weight = weights.find(service.endpoint_of(server.address));
            if (weight == weights.end()) continue;
            if (weight->second > 0 || server.on_failure == model::OnFailure::Remove)
                servers.emplace(service.name, server.address);
        }
    }
    return servers;
}

ServerCondition condition_of(const WatchedServer& server, const StateOf& state_of, bool presumed,
                             steady_clock::time_point now) {
    ServerCondition condition;
    auto in_since = steady_clock::time_point::min();
    for (const health::Subject& subject : server.subjects) {
        const auto state = state_of(subject).value_or(health::State{});
        if (state.weight) condition.weight = state.weight;
        if (state.health == Health::Up) in_since = std::max(in_since, state.since_steady);
        if (!is_worse(state.health, condition.health)) continue;
        condition.health = state.health;
        condition.reason = state.health == Health::Unknown ? "" : state.reason;
    }
    if (condition.health == Health::Unknown && presumed) {
        condition.health = Health::Up;
    } else if (condition.health == Health::Up && !server.subjects.empty() && !presumed &&
               server.slow_start.count() > 0) {
        condition.share = share_of(server.slow_start, now - in_since);
    }
    return condition;
}

ServerWatch::ServerWatch(boost::asio::io_context& loop)
    : checker_(std::make_unique<health::Checker>(
          loop, [this](const health::Subject&, const health::State&) { changed_ = true; },
          health::Options{.seed = std::random_device{}(), .prepare = prepare_probe})) {}

void ServerWatch::follow(const model::Config& config, std::set<ServerName> presumed) {
    servers_ = watched_servers(config);
    presumed_ = std::move(presumed);
    std::vector<health::Subject> subjects;
    for (const WatchedServer& server : servers_) {
        subjects.insert(subjects.end(), server.subjects.begin(), server.subjects.end());
        if (server.load) subjects.push_back(*server.load);
    }
    loads_.follow(config);
    checker_->follow(std::move(subjects));
    changed_ = true;
}

bool ServerWatch::is_stale(steady_clock::time_point now) const {
    const auto correction = loads_.due();
    return changed_ || (next_step_ && now >= *next_step_) || (correction && now >= *correction);
}

Conditions ServerWatch::conditions(steady_clock::time_point now) {
    Conditions conditions;
    bool starting = false;
    const auto state_of = [&](const health::Subject& subject) { return checker_->state(subject); };
    for (const WatchedServer& server : servers_) {
        if (server.subjects.empty()) continue;
        auto condition = condition_of(server, state_of, presumed_.contains(server.name), now);
        // Whoever was down once comes in as anybody does.
        if (condition.health == Health::Down) presumed_.erase(server.name);
        starting = starting || (condition.health == Health::Up && condition.share < kWholeShare);
        conditions.servers.emplace(server.name, std::move(condition));
    }
    loads_.steer(now, state_of, by_load_, conditions);
    next_step_.reset();
    if (starting) next_step_ = now + kStepsEvery;
    return conditions;
}

void ServerWatch::settle(const std::vector<ServicePlan>& plans) {
    changed_ = false;
    by_load_.clear();
    for (const ServicePlan& service : plans)
        for (const ServerPlan& server : service.servers)
            if (server.by_load) by_load_.emplace(service.name, server.server.address);
}

std::vector<std::string> ServerWatch::troubles() const {
    std::vector<std::string> lines;
    if (auto late = checker_->trouble(); !late.empty()) lines.push_back(std::move(late));
    std::set<std::string> said;
    for (const WatchedServer& server : servers_) {
        for (const health::Subject& subject : server.subjects) {
            const auto state = checker_->state(subject);
            if (!state || state->warning.empty()) continue;
            auto line = fmt::format("{}: {}", subject.server.text(), state->warning);
            if (said.insert(line).second) lines.push_back(std::move(line));
        }
    }
    return lines;
}

std::vector<CheckReport> ServerWatch::reports(const ServerName& name) const {
    std::vector<CheckReport> reports;
    const auto server = std::ranges::find(servers_, name, &WatchedServer::name);
    if (server == servers_.end()) return reports;
    for (const health::Subject& subject : server->subjects)
        if (auto report = checker_->report(subject))
            reports.push_back({subject, *std::move(report)});
    if (const auto& load = server->load) {
        if (auto report = checker_->report(*load)) reports.push_back({*load, *std::move(report)});
    }
    return reports;
}

std::chrono::milliseconds ServerWatch::check_now(const std::vector<ServerName>& names,
                                                 std::function<void()> done) {
    const std::set<ServerName> wanted(names.begin(), names.end());
    std::chrono::milliseconds longest{0};
    // Shared by the callbacks; the last one is the one that calls. The count begins with one for
    // this call, so that nothing is over while there is more to begin.
    const auto left = std::make_shared<std::size_t>(1);
    const auto one_done = [left, done = std::move(done)] {
        if (--*left == 0) done();
    };
    for (const WatchedServer& server : servers_) {
        if (!wanted.contains(server.name)) continue;
        for (const health::Subject& subject : server.subjects) {
            ++*left;
            longest = std::max(longest, subject.check.timeout);
            if (!checker_->check_now(subject, [one_done](const health::Outcome&) { one_done(); }))
                --*left;
        }
    }
    one_done();
    // Behind the attempt that is being made already
    return 2 * longest + kScheduling;
}

}  // namespace isobar::control
