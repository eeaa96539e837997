// SPDX-License-Identifier: Apache-2.0
#include "api/events.h"

#include <fmt/format.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "api/iso_time.h"
#include "base/text.h"

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kVersion = 1;
constexpr std::uint64_t kLongestWait = 30;  // seconds

Json json_of(const control::Event& event) {
    return {{"id", event.id},           {"at", iso_time(event.at)}, {"kind", name(event.kind)},
            {"service", event.service}, {"server", event.server},   {"text", event.text}};
}

std::string text_of(const Json& document) {
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Throws what nlohmann throws, and std::invalid_argument.
control::Event event_from(const Json& json) {
    const auto kind = control::event_kind_named(json.at("kind").get<std::string>());
    const auto at = parse_iso_time(json.at("at").get<std::string>());
    if (!kind || !at) throw std::invalid_argument("an event that is none");
    return {*kind, json.at("service"), json.at("server"), json.at("text"), json.at("id"), *at};
}

}  // namespace

Result<EventQuery> EventQuery::parse(const Query& query) {
    EventQuery wanted;
    for (const auto& [name, text] : query) {
        const auto number = parse_unsigned<std::uint64_t>(text);
        const bool fits =
            number && (name == "after" ||
                       (name == "limit" && *number > 0 && *number <= control::EventLog::kKept) ||
                       (name == "wait" && *number <= kLongestWait));
        if (!fits) return failure(Fault::Invalid, fmt::format("{}: not '{}'", name, text));
        if (name == "after") wanted.after = number;
        if (name == "limit") wanted.limit = *number;
        if (name == "wait") wanted.wait = std::chrono::seconds(*number);
    }
    return wanted;
}

std::string event_json(const control::Event& event) {
    return text_of(json_of(event));
}

std::string events_json(const EventList& list) {
    Json events = Json::array();
    for (const control::Event& event : list.events) events.push_back(json_of(event));
    return text_of({{"version", kVersion}, {"last", list.last}, {"events", std::move(events)}});
}

Result<EventList> parse_events(std::string_view json) {
    try {
        const Json document = Json::parse(json);
        EventList list;
        document.at("last").get_to(list.last);
        for (const Json& event : document.at("events")) list.events.push_back(event_from(event));
        return list;
    } catch (const std::exception& error) {
        return failure(Fault::Invalid, error.what());
    }
}

}  // namespace isobar::api
