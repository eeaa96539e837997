// SPDX-License-Identifier: Apache-2.0
#include "scheduling/reason.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace isobar::scheduling {
namespace {

using model::Candidate;
using model::Scheduler;

model::Endpoint server(int number) {
    return *model::Endpoint::parse("192.168.10." + std::to_string(number) + ":80");
}

Candidate candidate(int number, model::Weight weight, std::uint32_t active = 0,
                    std::uint32_t inactive = 0) {
    Candidate candidate;
    candidate.address = server(number);
    candidate.weight = weight;
    candidate.active = active;
    candidate.inactive = inactive;
    return candidate;
}

Ballot ballot(Scheduler scheduler, std::vector<Candidate> candidates,
              std::optional<std::size_t> chosen) {
    Ballot ballot;
    ballot.scheduler = scheduler;
    ballot.candidates = std::move(candidates);
    ballot.chosen = chosen;
    ballot.question.destination = *model::Endpoint::parse("10.0.0.2:80");
    return ballot;
}

TEST(Reason, OfLoadsIsWhatIsCompared) {
    const auto choice = reasoned(ballot(
        Scheduler::Wlc, {candidate(1, 2, 3, 1), candidate(2, 1, 1, 0), candidate(3, 1, 1, 0)}, 1));

    EXPECT_EQ(server(2), choice.server);
    EXPECT_TRUE(choice.certain);
    EXPECT_EQ("load 769 / 2 = 384.5", choice.candidates[0].measure);
    EXPECT_EQ("more than that, for its weight", choice.candidates[0].why_not);
    EXPECT_EQ("", choice.candidates[1].why_not);
    EXPECT_EQ("equal, but behind it", choice.candidates[2].why_not);
}

TEST(Reason, OfTurnsIsWhoWasBefore) {
    auto turn = ballot(Scheduler::Wrr, {candidate(1, 1), candidate(2, 3)}, 1);
    turn.before.position = 1;
    turn.after = {1, 2};

    const auto choice = reasoned(turn);

    EXPECT_EQ("next after 192.168.10.2:80 that weighs at least 2, as this round wants", choice.why);
    EXPECT_EQ("weight 1 is below the 2 of this round", choice.candidates[0].why_not);
    EXPECT_EQ("the first in turn", reasoned(ballot(Scheduler::Rr, {candidate(1, 1)}, 0)).why);
}

TEST(Reason, OfHashesIsTheSlot) {
    auto hashed = ballot(Scheduler::Sh, {candidate(1, 1), candidate(2, 0)}, 0);
    hashed.slot = 17;
    hashed.hashed = 1;

    EXPECT_EQ(
        "the hash of the client's address leads to slot 17, and that to 192.168.10.2:80, "
        "which takes none; with fallback, hashing goes on",
        reasoned(hashed).why);

    hashed.chosen.reset();
    EXPECT_EQ(
        "the hash of the client's address leads to slot 17, and that to 192.168.10.2:80, "
        "which takes none",
        reasoned(hashed).why);
}

TEST(Reason, OfMemoryIsTheDestination) {
    auto known = ballot(Scheduler::Lblc, {candidate(1, 1, 9), candidate(2, 1)}, 0);
    known.remembered = {true, false};
    const auto choice = reasoned(known);
    EXPECT_EQ("the least loaded of those that are remembered for 10.0.0.2", choice.why);
    EXPECT_EQ("not remembered", choice.candidates[1].why_not);

    known.remembered.clear();
    known.chosen = 1;
    EXPECT_EQ(
        "the least load (256 times active connections, and inactive ones) / weight; nobody "
        "fit is remembered for 10.0.0.2, from now on it is",
        reasoned(known).why);
}

TEST(Reason, OfNobodyIsWhatAllLack) {
    const auto why = [](Scheduler scheduler, std::vector<Candidate> candidates) {
        return reasoned(ballot(scheduler, std::move(candidates), std::nullopt)).why;
    };
    Candidate overloaded = candidate(1, 1, 5);
    overloaded.overloaded = true;

    EXPECT_EQ("the service has no server", why(Scheduler::Rr, {}));
    EXPECT_EQ("all weights are 0", why(Scheduler::Rr, {candidate(1, 0)}));
    EXPECT_EQ("none is without overload and weight 0",
              why(Scheduler::Rr, {overloaded, candidate(2, 0)}));
    EXPECT_EQ("each has more active connections than its weight",
              why(Scheduler::Ovf, {candidate(1, 1, 5)}));
}

TEST(Reason, OfChanceNamesNobody) {
    auto drawn = ballot(Scheduler::Twos, {candidate(1, 1), candidate(2, 1)}, 1);
    const auto choice = reasoned(drawn);
    EXPECT_FALSE(choice.certain);
    EXPECT_FALSE(choice.server);

    drawn.candidates[0].weight = 0;
    EXPECT_EQ(server(2), reasoned(drawn).server) << "there is no other";

    EXPECT_TRUE(is_by_chance(Scheduler::Lrt, std::vector<Candidate>(17, candidate(1, 1))));
    EXPECT_FALSE(is_by_chance(Scheduler::Lrt, std::vector<Candidate>(16, candidate(1, 1))));
}

}  // namespace
}  // namespace isobar::scheduling
