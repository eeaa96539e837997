// SPDX-License-Identifier: Apache-2.0
#include "health/checker.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <unordered_map>
#include <utility>

#include "health/attempt.h"
#include "health/watch.h"

namespace isobar::health {
namespace {

// At a start the first attempts are made within a second, or at this rate if they are too many.
constexpr std::chrono::microseconds kFirstEach{500};
constexpr std::chrono::seconds kFirstWithin{1};

}  // namespace

struct Checker::Core {
    Core(boost::asio::io_context& loop, Changed on_change, Options chosen)
        : changed(std::move(on_change)), options(std::move(chosen)) {
        desk = std::make_shared<Desk>(loop);
        desk->around.prepare = options.prepare;
        desk->changed = [this](const Subject& subject, const State& state) {
            if (changed) changed(subject, state);
        };
    }

    [[nodiscard]] const Watch* find(const Subject& subject) const {
        const auto found = watches.find(subject);
        return found == watches.end() ? nullptr : found->second.get();
    }

    // A state that was remembered is given back once.
    void recall_into(Watch& watch) {
        if (remembered.empty()) return;
        const auto found = remembered.find(key_of(watch.subject()));
        if (found == remembered.end()) return;
        watch.recall(found->second);
        remembered.erase(found);
    }

    Changed changed;
    Options options;
    std::shared_ptr<Desk> desk;  // outlives this in coroutines that are not over yet
    std::unordered_map<Subject, std::shared_ptr<Watch>, SubjectHash> watches;
    std::unordered_map<std::string, Memory> remembered;
    std::uint64_t made = 0;
};

Checker::Checker(boost::asio::io_context& loop, Changed changed, Options options)
    : core_(std::make_unique<Core>(loop, std::move(changed), std::move(options))) {}

Checker::~Checker() {
    core_->desk->changed = nullptr;
    for (const auto& [subject, watch] : core_->watches) watch->stop();
}

void Checker::follow(std::vector<Subject> subjects) {
    std::unordered_map<Subject, std::shared_ptr<Watch>, SubjectHash> followed;
    std::vector<std::shared_ptr<Watch>> fresh;
    for (Subject& subject : subjects) {
        if (followed.contains(subject)) continue;
        if (const auto kept = core_->watches.find(subject); kept != core_->watches.end()) {
            followed.insert(core_->watches.extract(kept));
            continue;
        }
        auto watch = Watch::make(core_->desk, subject);
        core_->recall_into(*watch);
        fresh.push_back(watch);
        followed.emplace(std::move(subject), std::move(watch));
    }
    for (const auto& [subject, watch] : core_->watches) watch->stop();
    core_->watches = std::move(followed);

    const auto now = std::chrono::steady_clock::now();
    const auto within = std::max<Rhythm::Clock::duration>(
        kFirstWithin, kFirstEach * static_cast<std::int64_t>(fresh.size()));
    for (const auto& watch : fresh) {
        watch->start(Rhythm(now, watch->subject().check.interval, within, core_->options.seed,
                            core_->made++));
    }
}

void Checker::recall(std::vector<Memory> memories) {
    for (Memory& memory : memories) {
        std::string key = memory.key;
        core_->remembered.insert_or_assign(std::move(key), std::move(memory));
    }
}

std::vector<Memory> Checker::memories() const {
    std::vector<Memory> memories;
    for (const auto& [subject, watch] : core_->watches) {
        const State& state = watch->state();
        if (state.health == Health::Unknown) continue;
        memories.push_back({.key = key_of(subject),
                            .health = state.health,
                            .since = state.since,
                            .reason = state.reason,
                            .weight = state.weight,
                            .damped = state.damped});
    }
    return memories;
}

std::optional<State> Checker::state(const Subject& subject) const {
    const Watch* watch = core_->find(subject);
    if (watch == nullptr) return std::nullopt;
    return watch->state();
}

std::optional<Report> Checker::report(const Subject& subject) const {
    const Watch* watch = core_->find(subject);
    if (watch == nullptr) return std::nullopt;
    return watch->report();
}

bool Checker::check_now(const Subject& subject, std::function<void(const Outcome&)> done) {
    const auto found = core_->watches.find(subject);
    if (found == core_->watches.end()) return false;
    found->second->ask(std::move(done));
    return true;
}

std::string Checker::trouble() const {
    return core_->desk->trouble();
}

}  // namespace isobar::health
