// SPDX-License-Identifier: Apache-2.0
// Why a scheduler chose a server, in words: what it compares, and what each of the others lacks.
// Pure. Who was chosen, the data plane's own code has said.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/decision.h"
#include "model/scheduler_flags.h"
#include "scheduling/cursor.h"

namespace isobar::scheduling {

// What was looked at, servers in scheduling order.
struct Ballot {
    model::Scheduler scheduler = model::Scheduler::Wlc;
    model::SchedulerFlags flags;
    model::Question question;
    std::vector<model::Candidate> candidates;  // without their measures and reasons
    std::optional<std::size_t> chosen;
    Cursor before, after;  // rr, wrr: as it was, and as the choice has left it
    // dh, sh, mh: the slot that is looked at first, and who is there.
    std::uint32_t slot = 0;
    std::optional<std::size_t> hashed;
    // lblc, lblcr: who is remembered for the destination.
    std::vector<bool> remembered;
    // lrt: what it compares, of each.
    std::vector<double> delays;
};

// May the next choice be another one, though nothing changes? Then nobody is foretold.
bool is_by_chance(model::Scheduler scheduler, const std::vector<model::Candidate>& candidates);

model::Choice reasoned(Ballot ballot);

}  // namespace isobar::scheduling
