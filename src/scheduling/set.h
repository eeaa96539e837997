// SPDX-License-Identifier: Apache-2.0
// A service's set of servers as it stands in isobar_sets: head, members, lookup table. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "abi/abi.h"
#include "model/service.h"
#include "scheduling/cursor.h"

namespace isobar::scheduling {

struct SetMember {
    std::uint32_t server = 0;  // in isobar_servers
    model::Endpoint address;
    model::Weight weight = 1;
    model::Weight last_weight = 1;  // the latest other than 0
    bool limited = false;           // has a threshold
};

// Members are in scheduling order, newest first.
std::vector<isobar_set_element> make_set(model::Scheduler scheduler, model::SchedulerFlags flags,
                                         std::span<const SetMember> members, const Cursor& cursor);

// Where the cursor begins of a service that gets this scheduler.
Cursor first_cursor(std::span<const SetMember> members);

}  // namespace isobar::scheduling
