// SPDX-License-Identifier: Apache-2.0
// isobar events: what has happened, and what happens.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/events.h"
#include "base/result.h"
#include "isobar/given.h"
#include "isobar/table.h"

namespace isobar::cli {

struct EventsCommand : Asking {
    bool follow = false;
    std::size_t limit = api::EventQuery{}.limit;
};

extern const char kEventsUsage[];

Result<EventsCommand> make_events(const Given& given, std::string_view name, Words words);

// Returns the exit code.
int run(const EventsCommand& command);

std::string events_text(const api::EventList& list, Colours colours);

}  // namespace isobar::cli
