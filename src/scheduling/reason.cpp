// SPDX-License-Identifier: Apache-2.0
#include "scheduling/reason.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "abi/schedulers.h"

namespace isobar::scheduling {
namespace {

using model::Candidate;
using model::Scheduler;

// bpf/sched/lrt.h: of larger sets so many are drawn.
constexpr std::size_t kLrtLooksAt = 16;

bool is_usable(const Candidate& candidate) {
    return candidate.weight != 0 && !candidate.overloaded;
}

std::uint64_t load_of(const Candidate& candidate) {
    return (std::uint64_t{candidate.active} << 8) + candidate.inactive;
}

std::string ratio(std::uint64_t load, std::uint64_t weight) {
    return fmt::format("{} / {} = {:.6g}", load, weight,
                       static_cast<double>(load) / static_cast<double>(weight));
}

bool is_hashed(Scheduler scheduler) {
    return scheduler == Scheduler::Dh || scheduler == Scheduler::Sh || scheduler == Scheduler::Mh;
}

bool remembers(Scheduler scheduler) {
    return scheduler == Scheduler::Lblc || scheduler == Scheduler::Lblcr;
}

// "load" is 256 times the active connections and the inactive ones, as IPVS has it.
std::string measure_of(const Ballot& ballot, std::size_t i) {
    const Candidate& each = ballot.candidates[i];
    if (each.weight == 0) return "";
    switch (ballot.scheduler) {
        case Scheduler::Lc:
            return fmt::format("load {}", load_of(each));
        case Scheduler::Wlc:
        case Scheduler::Twos:
        case Scheduler::Lblc:
        case Scheduler::Lblcr:
            return "load " + ratio(load_of(each), each.weight);
        case Scheduler::Nq:
            if (each.active == 0) return "idle";
            [[fallthrough]];
        case Scheduler::Sed:
            return "delay " + ratio(std::uint64_t{each.active} + 1, each.weight);
        case Scheduler::Lrt:
            return i < ballot.delays.size() ? fmt::format("delay {:.6g}", ballot.delays[i]) : "";
        default:
            return "";
    }
}

std::string unusable(const Candidate& each) {
    if (each.weight == 0) return "weight 0: no new connections";
    return fmt::format("overloaded: {} connections, threshold {}",
                       std::uint64_t{each.active} + each.inactive, each.upper_threshold);
}

// Of one that could have been chosen, and was not.
std::string outdone(const Ballot& ballot, std::size_t i) {
    const Candidate& each = ballot.candidates[i];
    if (!ballot.chosen) return is_hashed(ballot.scheduler) ? "the hash leads elsewhere" : "";
    const Candidate& chosen = ballot.candidates[*ballot.chosen];
    switch (ballot.scheduler) {
        case Scheduler::Rr:
            return "not its turn";
        case Scheduler::Wrr:
            return each.weight < ballot.after.credit
                       ? fmt::format("weight {} is below the {} of this round", each.weight,
                                     ballot.after.credit)
                       : "not its turn";
        case Scheduler::Fo:
            return each.weight < chosen.weight ? "less weight" : "the same weight, behind it";
        case Scheduler::Ovf:
            if (each.active > each.weight)
                return fmt::format("{} active connections are more than its weight", each.active);
            return each.weight < chosen.weight ? "less weight" : "the same weight, behind it";
        case Scheduler::Dh:
        case Scheduler::Sh:
        case Scheduler::Mh:
            return "the hash leads elsewhere";
        case Scheduler::Twos:
            return "not drawn";
        case Scheduler::Lblc:
        case Scheduler::Lblcr:
            if (*ballot.chosen < ballot.remembered.size() && ballot.remembered[*ballot.chosen] &&
                !ballot.remembered[i])
                return "not remembered";
            [[fallthrough]];
        default:
            return measure_of(ballot, i) == measure_of(ballot, *ballot.chosen)
                       ? "equal, but behind it"
                       : "more than that, for its weight";
    }
}

std::string hash_words(const Ballot& ballot) {
    const bool by_port = ballot.flags.has({ISOBAR_HASH_PORT});
    const std::string what = ballot.scheduler == Scheduler::Dh ? "virtual address"
                             : by_port                         ? "client's address and port"
                                                               : "client's address";
    std::string text = fmt::format("the hash of the {} leads to slot {}", what, ballot.slot);
    if (ballot.hashed) text += ", and that to " + ballot.candidates[*ballot.hashed].address.text();
    return text;
}

std::string least_words(Scheduler scheduler) {
    switch (scheduler) {
        case Scheduler::Lc:
            return "the least load (256 times active connections, and inactive ones)";
        case Scheduler::Sed:
            return "the least (active connections + 1) / weight";
        case Scheduler::Nq:
            return "the first without an active connection, or the least (active + 1) / weight";
        case Scheduler::Lrt:
            return "the least response time, times connections, for its weight";
        default:
            return "the least load (256 times active connections, and inactive ones) / weight";
    }
}

std::string remembered_words(const Ballot& ballot, std::size_t chosen) {
    const std::string destination = ballot.question.destination.address.text();
    if (ballot.remembered[chosen])
        return "the least loaded of those that are remembered for " + destination;
    return fmt::format("{}; nobody fit is remembered for {}, from now on it is",
                       least_words(ballot.scheduler), destination);
}

std::string turn_words(const Ballot& ballot) {
    const auto last = ballot.before.position;
    std::string behind = last < ballot.candidates.size()
                             ? "next after " + ballot.candidates[last].address.text()
                             : "the first in turn";
    if (ballot.scheduler == Scheduler::Rr) return behind;
    return fmt::format("{} that weighs at least {}, as this round wants", behind,
                       ballot.after.credit);
}

std::string why_chosen(const Ballot& ballot, std::size_t chosen) {
    switch (ballot.scheduler) {
        case Scheduler::Rr:
        case Scheduler::Wrr:
            return turn_words(ballot);
        case Scheduler::Fo:
            return "the largest weight";
        case Scheduler::Ovf:
            return "the largest weight of those with no more active connections than that";
        case Scheduler::Twos:
            return "the only one that can be drawn";
        case Scheduler::Dh:
        case Scheduler::Sh:
        case Scheduler::Mh: {
            std::string text = hash_words(ballot);
            if (ballot.hashed == chosen) return text;
            return text + ", which takes none; with fallback, hashing goes on";
        }
        case Scheduler::Lblc:
        case Scheduler::Lblcr:
            return remembered_words(ballot, chosen);
        default:
            return least_words(ballot.scheduler);
    }
}

std::string why_by_chance(const Ballot& ballot) {
    if (ballot.scheduler == Scheduler::Twos)
        return "two are drawn by weight, by chance; the one with less load / weight takes it";
    return fmt::format("{} are drawn by chance; of these, {}", kLrtLooksAt,
                       least_words(ballot.scheduler));
}

std::string why_nobody(const Ballot& ballot) {
    const auto& all = ballot.candidates;
    if (all.empty()) return "the service has no server";
    if (std::ranges::all_of(all, [](const Candidate& each) { return each.weight == 0; }))
        return "all weights are 0";
    if (std::ranges::none_of(all, is_usable)) return "none is without overload and weight 0";
    if (is_hashed(ballot.scheduler)) return hash_words(ballot) + ", which takes none";
    return "each has more active connections than its weight";
}

}  // namespace

bool is_by_chance(Scheduler scheduler, const std::vector<Candidate>& candidates) {
    const auto usable = std::ranges::count_if(candidates, is_usable);
    if (scheduler == Scheduler::Twos) return usable > 1;
    return scheduler == Scheduler::Lrt && usable > 0 && candidates.size() > kLrtLooksAt;
}

model::Choice reasoned(Ballot ballot) {
    model::Choice choice;
    choice.scheduler = ballot.scheduler;
    choice.certain = !is_by_chance(ballot.scheduler, ballot.candidates);
    if (!choice.certain) ballot.chosen.reset();
    if (remembers(ballot.scheduler)) ballot.remembered.resize(ballot.candidates.size());
    if (ballot.chosen) choice.server = ballot.candidates[*ballot.chosen].address;
    choice.why = !choice.certain ? why_by_chance(ballot)
                 : ballot.chosen ? why_chosen(ballot, *ballot.chosen)
                                 : why_nobody(ballot);
    for (std::size_t i = 0; i < ballot.candidates.size(); ++i) {
        Candidate each = ballot.candidates[i];
        each.measure = measure_of(ballot, i);
        if (!is_usable(each))
            each.why_not = unusable(each);
        else if (ballot.chosen != i)
            each.why_not = outdone(ballot, i);
        choice.candidates.push_back(std::move(each));
    }
    return choice;
}

}  // namespace isobar::scheduling
