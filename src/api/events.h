// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/events: what is asked for, and what is answered.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/query.h"
#include "base/result.h"
#include "control/event_log.h"

namespace isobar::api {

struct EventQuery {
    std::optional<std::uint64_t> after;  // none: the last ones
    std::size_t limit = 100;
    std::chrono::seconds wait{0};  // for one, if there is none yet

    static Result<EventQuery> parse(const Query& query);
};

struct EventList {
    std::uint64_t last = 0;  // to ask for those behind it
    std::vector<control::Event> events;
};

// {"version":1,"last":...,"events":[{"id":...,"at":...,"kind":...,"service":...,"server":...,
// "text":...}]}
std::string events_json(const EventList& list);
std::string event_json(const control::Event& event);
Result<EventList> parse_events(std::string_view json);

}  // namespace isobar::api
