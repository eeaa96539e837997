// SPDX-License-Identifier: Apache-2.0
#include "config/load_feedback.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isobar::config {
namespace {

using model::LoadConfig;
using model::LoadController;
using model::LoadSource;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kShortest{100};
constexpr milliseconds kLongest = hours(1);
// Programs cost a fork, and a load average is one of a minute; nanny asked so often.
constexpr seconds kOfPrograms{20};
// rwhod tells no more often; the same again would be taken for an answer to the last correction.
constexpr seconds kOfRwhod{180};

struct LoadDraft {
    std::optional<LoadSource> from;
    LoadController controller = LoadConfig{}.controller;
    std::optional<milliseconds> interval;
    milliseconds timeout = LoadConfig{}.timeout;
    std::vector<std::string> command = LoadConfig{}.command;
    std::string user = LoadConfig{}.user;
    std::uint32_t port = 0;
    std::string path = LoadConfig{}.path;
    std::optional<Located<std::string>> header, field;
    std::uint32_t least = LoadConfig{}.least;
    std::uint32_t most = LoadConfig{}.most;
};

// Which sources a key belongs to; those that are not listed belong to all.
struct Belongs {
    std::string_view key;
    std::vector<LoadSource> sources;
};
const std::vector<Belongs>& belongings() {
    using enum LoadSource;
    static const std::vector<Belongs> all{{"command", {Uptime}},
                                          {"user", {Uptime, Rup, Ruptime}},
                                          {"timeout", {Uptime, Rup, Ruptime, Agent, Http}},
                                          {"port", {Agent, Http}},
                                          {"path", {Http}},
                                          {"header", {Http}},
                                          {"field", {Http}}};
    return all;
}

bool is_program(LoadSource source) {
    return source == LoadSource::Uptime || source == LoadSource::Rup ||
           source == LoadSource::Ruptime;
}

milliseconds usual_interval(LoadSource source) {
    if (source == LoadSource::Ruptime) return kOfRwhod;
    return is_program(source) ? kOfPrograms : LoadConfig{}.interval;
}

std::vector<Field<LoadDraft>> fields() {
    using D = LoadDraft;
    using enum LoadSource;
    const auto percent = [](std::uint32_t least, std::uint32_t most) {
        return number(least, most, "per cent of the configured weight");
    };
    return {
        required(
            "from", &D::from,
            choice<LoadSource>({{"uptime", "rup", "ruptime", "agent", "http", "response"}, {}},
                               {Uptime, Rup, Ruptime, Agent, Http, Response}),
            "Where it is learnt: by the commands uptime(1), rup(1), ruptime(1); from an agent "
            "by HAProxy's agent-check, as isobar-agent(8); by HTTP; or by the response time of "
            "the server's checks.",
            "\"agent\""),
        optional("controller", &D::controller,
                 choice<LoadController>({{"damped", "piranha"}, {}},
                                        {LoadController::Damped, LoadController::Piranha}),
                 "What makes weights of it: towards equal load of all servers, without swinging "
                 "(damped); or as Piranha's nanny did, each server by itself, from its weight "
                 "up to ten times that."),
        optional("interval", &D::interval, fine_duration(kShortest, kLongest),
                 "How often servers are asked, and weights corrected.",
                 "\"2s\"; \"20s\" for uptime and rup; \"180s\" for ruptime"),
        optional("timeout", &D::timeout, fine_duration(kShortest, kLongest),
                 "How long an answer may take."),
        optional("command", &D::command, not_empty(list_of(one_line("a word")), "as in [\"ssh\"]"),
                 "uptime: how to get to a server; its address and \"uptime\" are appended.",
                 "[\"ssh\"]"),
        optional("user", &D::user, one_line("a user"),
                 "uptime, rup, ruptime: who the command runs as."),
        optional("port", &D::port, number(1, 65535, ""),
                 "agent: where it listens; needed. http: which port, if not the server's.",
                 "that of the server"),
        optional("path", &D::path, one_line("a path"), "http: what is asked for."),
        optional("header", &D::header, located(one_line("a name")),
                 "http: the header of the answer that is the load.", "none"),
        optional("field", &D::field, located(one_line("names and indices: \"cpu.load.0\"")),
                 "http: where in its JSON body the load is. Neither header nor field: the body is "
                 "the number.",
                 "none"),
        optional("least", &D::least, percent(1, 100), "damped: no weight becomes less."),
        optional("most", &D::most, percent(100, 10000), "damped: no weight becomes more."),
    };
}

void check_belonging(const Table& table, LoadSource source, Reading& reading) {
    for (const Entry& entry : table) {
        const auto& all = belongings();
        const auto of = std::ranges::find(all, entry.key, &Belongs::key);
        if (of == all.end() || std::ranges::find(of->sources, source) != of->sources.end())
            continue;
        reading.error(entry.at, fmt::format("'{}' does not belong to from = \"{}\"", entry.key,
                                            name(source)));
    }
}

std::optional<LoadConfig> config_of(const LoadDraft& draft, const Value& value, Reading& reading) {
    if (!draft.from) return std::nullopt;  // has its own error
    const LoadSource from = *draft.from;
    check_belonging(*value.as<Table>(), from, reading);
    if (from == LoadSource::Agent && draft.port == 0)
        reading.error(value.at, "load from an agent has no 'port'", "add: port = 9999");
    if (from == LoadSource::Agent && draft.controller == LoadController::Piranha)
        reading.error(value.at, "controller: piranha goes by a load, an agent gives a weight",
                      "leave controller out");
    if (draft.header && draft.field)
        reading.error(draft.field->at, "header and field cannot both be");
    LoadConfig load;
    load.from = from;
    load.controller = draft.controller;
    load.interval = draft.interval.value_or(usual_interval(from));
    load.timeout = draft.timeout;
    load.command = draft.command;
    load.user = draft.user;
    load.port = static_cast<model::Port>(draft.port);
    load.path = draft.path;
    if (draft.header) load.place.header = draft.header->value;
    if (draft.field) load.place.field = draft.field->value;
    load.least = draft.least;
    load.most = draft.most;
    return load;
}

}  // namespace

Kind<LoadConfig> load_feedback() {
    auto table = table_of<LoadDraft>("load", fields());
    Kind<LoadConfig> kind{"table", "", "", {}, {}, table.keys};
    kind.read = [read = table.read](const Value& value,
                                    Reading& reading) -> std::optional<LoadConfig> {
        const auto draft = read(value, reading);
        if (!draft) return std::nullopt;
        return config_of(*draft, value, reading);
    };
    return kind;
}

}  // namespace isobar::config
