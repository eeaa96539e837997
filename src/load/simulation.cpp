// SPDX-License-Identifier: Apache-2.0
#include "load/simulation.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>
#include <queue>
#include <utility>

namespace isobar::load {
namespace {

constexpr double kTick = 0.1;
constexpr std::size_t kTicksASecond = 10;

// The same everywhere, unlike the distributions of <random>.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed * 2 + 1) {}
    double uniform() {  // above 0, up to 1
        state_ ^= state_ >> 12U;
        state_ ^= state_ << 25U;
        state_ ^= state_ >> 27U;
        const std::uint64_t mixed = (state_ * 0x2545F4914F6CDD1DULL) >> 11U;
        return (static_cast<double>(mixed) + 1) / 9007199254740992.0;
    }

private:
    std::uint64_t state_;
};

struct Report {
    double ready;  // when the controller gets it
    double load;
};

struct Server {
    double capacity = 1;
    double weight = 1;
    std::size_t active = 0;
    double smoothed = 0;
    std::size_t phase = 0;  // of its readings
    std::deque<Report> reports{};
    std::optional<double> last{};
    bool fresh = false;
};

class Simulation {
public:
    Simulation(const Cluster& cluster, std::unique_ptr<Controller> controller)
        : cluster_(cluster), controller_(std::move(controller)), dice_(cluster.seed) {
        for (const double capacity : cluster.capacities)
            servers_.push_back({.capacity = capacity, .phase = phase()});
    }

    std::vector<Sample> run(double seconds) {
        std::vector<Sample> samples;
        const auto ticks = static_cast<std::size_t>(seconds / kTick);
        for (tick_ = 0; tick_ < ticks; ++tick_) {
            close();
            open();
            measure();
            hear();
            if (controller_ && tick_ % every() == every() - 1) correct();
            if (tick_ % kTicksASecond == 0) samples.push_back(sample());
        }
        return samples;
    }

private:
    [[nodiscard]] double now() const { return static_cast<double>(tick_) * kTick; }
    [[nodiscard]] std::size_t every() const {
        return static_cast<std::size_t>(cluster_.interval / kTick);
    }
    std::size_t phase() {
        return static_cast<std::size_t>(dice_.uniform() * static_cast<double>(every() - 1));
    }
    [[nodiscard]] double capacity() const {
        return std::accumulate(cluster_.capacities.begin(), cluster_.capacities.end(), 0.0);
    }

    void close() {
        while (!ends_.empty() && ends_.top().first <= now()) {
            --servers_[ends_.top().second].active;
            ends_.pop();
        }
    }

    void open() {
        const double rate =
            cluster_.offered(now()) * capacity() / cluster_.demand / cluster_.connection;
        for (due_ += rate * kTick; due_ >= 1; --due_) {
            const std::size_t chosen = choose();
            ++servers_[chosen].active;
            ends_.emplace(now() - std::log(dice_.uniform()) * cluster_.connection, chosen);
        }
    }

    // wlc: least connections for its weight.
    [[nodiscard]] std::size_t choose() const {
        std::size_t best = 0;
        for (std::size_t i = 1; i < servers_.size(); ++i) {
            const double mine = static_cast<double>(servers_[i].active) * servers_[best].weight;
            const double theirs = static_cast<double>(servers_[best].active) * servers_[i].weight;
            if (mine < theirs) best = i;
        }
        return best;
    }

    void measure() {
        for (Server& server : servers_) {
            const double used =
                static_cast<double>(server.active) * cluster_.demand / server.capacity;
            const double share = cluster_.smoothing > 0 ? kTick / cluster_.smoothing : 1;
            server.smoothed += (used - server.smoothed) * share;
            if (tick_ % every() != server.phase) continue;
            const double noisy = 1 + cluster_.noise * (2 * dice_.uniform() - 1);
            server.reports.push_back(
                {now() + cluster_.delay, std::pow(server.smoothed, cluster_.elasticity) * noisy});
        }
    }

    void hear() {
        for (Server& server : servers_) {
            while (!server.reports.empty() && server.reports.front().ready <= now()) {
                server.last = server.reports.front().load;
                server.fresh = true;
                server.reports.pop_front();
            }
        }
    }

    static model::Endpoint name(std::size_t index) {
        return {{}, static_cast<model::Port>(index + 1)};
    }

    void correct() {
        SeenServers seen;
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            Seen& each = seen[name(i)];
            each.configured = cluster_.configured;
            if (servers_[i].last) each.reading = Reading{servers_[i].last, {}};
            each.fresh = std::exchange(servers_[i].fresh, false);
        }
        const auto steered = controller_->correct(seen);
        for (std::size_t i = 0; i < servers_.size(); ++i)
            servers_[i].weight = steered.at(name(i)).weight;
    }

    [[nodiscard]] Sample sample() const {
        double connections = 0, weights = 0;
        for (const Server& server : servers_) {
            connections += static_cast<double>(server.active);
            weights += server.weight;
        }
        Sample sample{.at = now(), .share = {}, .weight = {}};
        for (const Server& server : servers_) {
            const double fair = server.capacity / capacity();
            sample.share.push_back(static_cast<double>(server.active) / std::max(1.0, connections) /
                                   fair);
            sample.weight.push_back(server.weight / weights / fair);
        }
        return sample;
    }

    using End = std::pair<double, std::size_t>;
    const Cluster& cluster_;
    std::unique_ptr<Controller> controller_;
    Dice dice_;
    std::vector<Server> servers_;
    std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
    double due_ = 0;
    std::size_t tick_ = 0;
};

}  // namespace

double Sample::worst() const {
    double worst = 0;
    for (const double each : share) worst = std::max(worst, std::abs(each - 1));
    return worst;
}

std::vector<Sample> simulate(const Cluster& cluster, std::unique_ptr<Controller> controller,
                             double seconds) {
    return Simulation(cluster, std::move(controller)).run(seconds);
}

}  // namespace isobar::load
