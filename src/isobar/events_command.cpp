// SPDX-License-Identifier: Apache-2.0
#include "isobar/events_command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>

#include "api/query.h"
#include "base/printable.h"
#include "isobar/asked.h"

namespace isobar::cli {
namespace {

constexpr std::chrono::seconds kWait{20};
constexpr std::chrono::seconds kPause{1};

std::string target(const api::Query& query) {
    return "/api/v1/events" + api::query_text(query);
}

// A line for each event: also of JSON, where there is no end of them.
int print_events(const EventsCommand& command, const api::EventList& list) {
    std::string text;
    if (command.json)
        for (const control::Event& event : list.events) text += api::event_json(event) + "\n";
    else
        text = events_text(list, wanted_colours());
    fmt::print("{}", text);
    return std::fflush(stdout) == 0 ? kOk : kFailed;
}

int follow(const EventsCommand& command, std::uint64_t last) {
    for (;;) {
        const auto answer = asked(command,
                                  target({{"after", std::to_string(last)},
                                          {"limit", std::to_string(control::EventLog::kKept)},
                                          {"wait", std::to_string(kWait.count())}}),
                                  kWait + kPatience);
        if (!answer) {
            // One that is being restarted is worth waiting for.
            if (answer.error() != kUnreachable && answer.error() != kTimeout) return answer.error();
            std::this_thread::sleep_for(kPause);
            continue;
        }
        const auto list = api::parse_events(*answer);
        if (!list) return not_understood(list.error());
        if (const int code = print_events(command, *list); code != kOk) return code;
        last = list->events.empty() ? list->last : list->events.back().id;
    }
}

}  // namespace

const char kEventsUsage[] = R"(Usage: isobar events [--follow] [-j] [--limit N] [--socket PATH]

Shows what has happened since isobard was started: servers that came and went, with the reason;
quorums; what operators wanted, and who; configurations that were applied or refused; a table of
connections that has grown. Times are UTC. The last 1000 events are kept.

      --follow     and what happens from now on, until Ctrl-C
      --limit N    the last N (default 100)
  -j, --json       the report as it is; with --follow an event a line
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar events --follow -j | jq -r 'select(.kind == "down").server'
)";

Result<EventsCommand> make_events(const Given& given, std::string_view /*name*/, Words /*words*/) {
    EventsCommand command{given.asking(), given.follow};
    if (given.limit.empty()) return command;
    const auto query = api::EventQuery::parse({{"limit", given.limit}});
    if (!query) return tl::unexpected(query.error());
    command.limit = query->limit;
    return command;
}

std::string events_text(const api::EventList& list, Colours colours) {
    using Kind = control::Event::Kind;
    std::string text;
    for (const control::Event& event : list.events) {
        const bool bad =
            event.kind == Kind::Down || event.kind == Kind::NoQuorum || event.kind == Kind::Refused;
        text += paint(fmt::format("{:%Y-%m-%d %H:%M:%S}  {}", fmt::gmtime(event.at),
                                  printable(event.line())),
                      bad ? Tone::Warning : Tone::Plain, colours) +
                "\n";
    }
    return text;
}

int run(const EventsCommand& command) {
    const auto answer = asked(command, target({{"limit", std::to_string(command.limit)}}));
    if (!command.follow)
        return show(command, answer, api::parse_events,
                    [](const api::EventList& list) { return events_text(list, wanted_colours()); });
    if (!answer) return answer.error();
    const auto list = api::parse_events(*answer);
    if (!list) return not_understood(list.error());
    if (const int code = print_events(command, *list); code != kOk) return code;
    return follow(command, list->last);
}

}  // namespace isobar::cli
