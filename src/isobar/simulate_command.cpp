// SPDX-License-Identifier: Apache-2.0
#include "isobar/simulate_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "api/connections.h"
#include "api/query.h"
#include "api/status.h"
#include "base/duration.h"
#include "base/printable.h"
#include "base/text.h"
#include "config/suggest.h"
#include "control/wishes.h"
#include "isobar/asked.h"

namespace isobar::cli {
namespace {

using Document = nlohmann::ordered_json;
using scheduling::Arrival;
using scheduling::Simulated;

constexpr int kVersion = 1;
constexpr std::uint64_t kMostConnections = 10'000'000;
constexpr std::uint32_t kMostClients = 65536;
constexpr std::string_view kLive = "live";
constexpr std::chrono::seconds kLongest{60};  // isobard lists for one caller at a time

// ---- the command line ----

template <typename Number>
Result<void> read_number(std::string_view option, const std::string& text, Number most,
                         Number& value) {
    if (text.empty()) return {};
    const auto number = parse_unsigned<Number>(text);
    if (!number || *number == 0 || *number > most)
        return failure(Fault::Invalid,
                       fmt::format("--{}: '{}' is no number from 1 to {}", option, text, most));
    value = *number;
    return {};
}

Result<void> read_scheduler(const std::string& text, SimulateCommand& command) {
    if (text.empty()) return {};
    command.scheduler = model::scheduler_named(text);
    if (command.scheduler) return {};
    std::vector<std::string> known;
    for (const auto name : model::scheduler_names()) known.emplace_back(name);
    return failure(Fault::Invalid, fmt::format("unknown scheduler '{}'; {}", text,
                                               config::suggestion(text, known)));
}

// "192.168.10.100=3,192.168.10.101:8080=1"
Result<void> read_weights(const std::string& text, SimulateCommand& command) {
    for (const std::string_view each : split(text, ',')) {
        const auto equals = each.rfind('=');
        const auto weight = equals == std::string_view::npos
                                ? std::nullopt
                                : parse_unsigned<model::Weight>(each.substr(equals + 1));
        if (!weight || *weight > model::kMaxWeight)
            return failure(Fault::Invalid,
                           fmt::format("--weight: '{}' is not SERVER=WEIGHT", each));
        const auto server = control::parse_server(each.substr(0, equals));
        if (!server) return tl::unexpected(server.error());
        command.weights.emplace_back(*server, *weight);
    }
    return {};
}

Result<void> read_traffic(const Given& given, scheduling::Traffic& traffic) {
    std::uint32_t rate = 100;
    if (auto read = read_number("rate", given.rate, 10'000'000U, rate); !read) return read;
    traffic.rate = rate;
    if (!given.duration.empty()) {
        const auto duration = parse_duration(given.duration);
        if (!duration || duration->count() == 0)
            return failure(Fault::Invalid,
                           fmt::format("--duration: '{}' is no time such as 60s", given.duration));
        traffic.duration = static_cast<double>(duration->count()) / 1000;
    }
    if (!given.length.empty()) {
        const auto length = scheduling::Length::parse(given.length);
        if (!length) return tl::unexpected(length.error());
        traffic.length = *length;
    }
    if (auto read = read_number("clients", given.clients, kMostClients, traffic.clients); !read)
        return read;
    if (traffic.rate * traffic.duration > static_cast<double>(kMostConnections))
        return failure(Fault::Invalid,
                       fmt::format("{:.0f} connections are more than {}: less --rate or --duration",
                                   traffic.rate * traffic.duration, kMostConnections));
    return {};
}

bool says_traffic(const Given& given) {
    return !(given.rate + given.duration + given.length + given.clients).empty();
}

// ---- the service ----

// In the order that the configuration has them, which servers that have come back lose.
model::VirtualService service_of(const api::ServiceView& view) {
    model::VirtualService service;
    service.key = view.status.key;
    service.scheduler = view.status.scheduler;
    service.scheduler_flags = view.status.scheduler_flags;
    service.persistence = view.status.persistence;
    service.one_packet = view.status.one_packet;
    service.engine = view.status.engine;
    for (const auto& server : view.status.servers) service.servers.push_back(server.server);
    return service;
}

Result<model::VirtualService> changed(const SimulateCommand& command,
                                      const api::ServiceView& view) {
    auto service = service_of(view);
    if (command.scheduler && *command.scheduler != service.scheduler) {
        service.scheduler = *command.scheduler;
        service.scheduler_flags = {};  // they are the old one's
    }
    for (const auto& [address, weight] : command.weights) {
        const auto is_meant = [&address = address](const model::Endpoint& each) {
            return each.address == address.address &&
                   (address.port == 0 || address.port == each.port);
        };
        // Weights by load are finer than those of the configuration.
        const auto standing =
            std::ranges::find_if(view.standings, is_meant, &api::ServerStanding::address);
        const auto scale = standing == view.standings.end() ? 1 : standing->scale;
        const auto server =
            std::ranges::find_if(service.servers, is_meant, &model::RealServer::address);
        if (server != service.servers.end()) {
            server->weight = weight * scale;
        } else if (standing != view.standings.end()) {
            service.servers.push_back({standing->address, weight * scale});  // out as yet
        } else {
            return failure(Fault::NotFound, fmt::format("{} has no server {}", view.name,
                                                        control::server_text(address)));
        }
    }
    return service;
}

// ---- connections ----

struct Recording {
    std::vector<Arrival> arrivals;
    std::string words;
    std::vector<std::string> notes;
};

bool is_open(std::string_view state) {
    return state == "ESTABLISHED" || state == "SYN_SENT" || state == "SYN_RECV" ||
           state == "SYNACK" || state == "UDP";
}

// All of them at once: when they have begun, the data plane does not know.
Result<Recording> present(std::string_view json, const std::string& service) {
    const auto list = api::parse_connections(json);
    if (!list) return tl::unexpected(list.error());
    Recording recording;
    for (const api::ConnectionRow& row : list->rows) {
        const auto client = model::Endpoint::parse(row.client);
        if (row.service != service || !client || client->port == 0) continue;  // 0: a template
        recording.arrivals.push_back({0, scheduling::kNever, *client, is_open(row.state)});
    }
    if (recording.arrivals.empty())
        return failure(Fault::NotFound, "there is no connection of this service");
    recording.words = "the present connections, all at once";
    if (list->total > list->rows.size())
        recording.notes.push_back(
            fmt::format("{} of {} connections only", list->rows.size(), list->total));
    return recording;
}

Result<Recording> read_file(const std::string& file, const std::string& service) {
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in.is_open()) return failure(Fault::NotFound, fmt::format("cannot read {}", file));
    if (text.starts_with('{')) return present(text, service);  // of isobar conns -j
    auto arrivals = scheduling::parse_recording(text);
    if (!arrivals) return tl::unexpected(std::move(arrivals.error()).in(file));
    return Recording{*std::move(arrivals), "those of " + file, {}};
}

int complain(const Error& error) {
    fmt::print(stderr, "isobar: {}\n", error.message);
    return error.fault == Fault::NotFound ? kNotFound : kConfigInvalid;
}

tl::expected<Recording, int> recording_of(const SimulateCommand& command) {
    if (command.from == kLive) {
        const api::Query query{{"service", command.service},
                               {"limit", std::to_string(api::kMostRows)}};
        const auto answer =
            asked(command, "/api/v1/connections" + api::query_text(query), kLongest);
        if (!answer) return tl::unexpected(answer.error());
        auto live = present(*answer, command.service);
        if (!live) return tl::unexpected(complain(live.error()));
        return *std::move(live);
    }
    auto read = read_file(command.from, command.service);
    if (!read) return tl::unexpected(complain(read.error()));
    return *std::move(read);
}

std::string words_of(const scheduling::Traffic& traffic, std::uint64_t seed) {
    using Kind = scheduling::Length::Kind;
    const auto& length = traffic.length;
    const std::string open = length.kind == Kind::Fixed ? fmt::format("{} s", length.from)
                             : length.kind == Kind::Exponential
                                 ? fmt::format("{} s on average", length.from)
                                 : fmt::format("{} to {} s", length.from, length.to);
    return fmt::format("{} a second for {} s, of {} clients, open for {}; seed {}", traffic.rate,
                       traffic.duration, traffic.clients, open, seed);
}

// ---- shown ----

std::vector<std::string> cells_of(const scheduling::ServerShare* server) {
    if (server == nullptr) return {"-", "-", "-", "-", "-", "-"};
    return {std::to_string(server->weight),
            fmt::format("{:.1f} %", 100 * server->wanted),
            fmt::format("{:.1f} %", 100 * server->share),
            std::to_string(server->connections),
            std::to_string(server->peak),
            fmt::format("{:.1f}", server->mean)};
}

const scheduling::ServerShare* find(const Simulated& result, const model::Endpoint& address) {
    const auto found =
        std::ranges::find(result.servers, address, &scheduling::ServerShare::address);
    return found == result.servers.end() ? nullptr : &*found;
}

std::string trial_words(const Trial& trial) {
    std::string text(name(trial.service.scheduler));
    if (trial.result.refused != 0)
        text += fmt::format(", {} connections refused", trial.result.refused);
    return text;
}

Document json_of(const Trial& trial) {
    Document servers = Document::array();
    for (const scheduling::ServerShare& each : trial.result.servers)
        servers.push_back({{"address", each.address.text()},
                           {"weight", each.weight},
                           {"wanted", each.wanted},
                           {"share", each.share},
                           {"connections", each.connections},
                           {"peak", each.peak},
                           {"mean", each.mean}});
    return {{"scheduler", name(trial.service.scheduler)},
            {"refused", trial.result.refused},
            {"servers", std::move(servers)}};
}

std::vector<std::string> notes_on(const Comparison& comparison) {
    std::vector<std::string> notes;
    const auto& [now, then] = std::tie(comparison.now.service, comparison.then.service);
    const auto either = [&](model::Scheduler scheduler) {
        return now.scheduler == scheduler || then.scheduler == scheduler;
    };
    if (either(model::Scheduler::Dh) || either(model::Scheduler::Lblc) ||
        either(model::Scheduler::Lblcr))
        notes.emplace_back("dh, lblc and lblcr go by the virtual address: here it is always one");
    if (either(model::Scheduler::Twos))
        notes.emplace_back("twos draws by chance: other seeds give other shares");
    return notes;
}

tl::expected<Comparison, int> compare(const SimulateCommand& command, const api::ServiceView& view,
                                      const model::Timeouts& timeouts) {
    auto then = changed(command, view);
    if (!then) return tl::unexpected(complain(then.error()));
    Comparison comparison{command.service, {}, {service_of(view), {}}, {*std::move(then), {}}, {}};
    for (const Trial* trial : {&comparison.now, &comparison.then})
        if (const auto why = scheduling::cannot_simulate(trial->service); !why.empty()) {
            fmt::print(stderr, "isobar: {}\n", why);
            return tl::unexpected(kFailed);
        }
    comparison.notes = notes_on(comparison);
    Recording recording;
    if (!command.from.empty()) {
        auto read = recording_of(command);
        if (!read) return tl::unexpected(read.error());
        recording = *std::move(read);
    }
    auto traffic = command.traffic;
    traffic.family = view.status.key.address.address.family;
    const bool by_chance = command.from.empty();
    comparison.connections = by_chance ? words_of(traffic, command.seed) : recording.words;
    std::ranges::copy(recording.notes, std::back_inserter(comparison.notes));
    for (Trial* trial : {&comparison.now, &comparison.then})
        trial->result = scheduling::simulate(
            trial->service,
            by_chance ? scheduling::generated(traffic, command.seed)
                      : scheduling::recorded(recording.arrivals),
            command.seed, by_chance ? traffic.duration : 0, {.udp = timeouts.udp});
    return comparison;
}

}  // namespace

const char kSimulateUsage[] = R"(Usage: isobar simulate [OPTION...] SERVICE

Tells what share of connections each server would get with another scheduler or other weights,
beside what it gets as the service is now. Time is virtual, and the schedulers are those of the data
plane; nothing is changed by that. Servers begin without connections.

      --scheduler NAME
                   instead of the service's (all but lrt)
      --weight SERVER=WEIGHT[,...]
                   of servers, by ADDRESS[:PORT]; the others keep what they have now
      --from live|FILE
                   the present connections, or those of FILE: lines BEGIN,END,CLIENT:PORT (seconds;
                   no END: open), or what isobar conns -j printed; default: connections by chance
      --rate N, --duration TIME
                   so many a second (default 100) for so long (60s)
      --length LENGTH
                   each is open for 5s, exp:5s on average (default) or uniform:1s-10s
      --clients N  of so many clients (default 200)
      --seed N     another one gives other connections (default 1)
  -j, --json       the same for programs
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar simulate web --scheduler lc --weight 192.168.10.100=3
  isobar simulate web --weight 192.168.10.100=0 --from live
)";

Result<SimulateCommand> make_simulate(const Given& given, std::string_view /*name*/, Words words) {
    SimulateCommand command;
    static_cast<Asking&>(command) = given.asking();
    command.service = words[0];
    command.from = given.from;
    if (!given.from.empty() && says_traffic(given))
        return failure(Fault::Invalid,
                       "--rate, --duration, --length and --clients are not for --from");
    if (auto read = read_scheduler(given.scheduler, command); !read)
        return tl::unexpected(read.error());
    if (auto read = read_weights(given.weights, command); !read)
        return tl::unexpected(read.error());
    if (auto read = read_traffic(given, command.traffic); !read)
        return tl::unexpected(read.error());
    if (auto read = read_number("seed", given.seed, ~std::uint64_t{0} >> 1, command.seed); !read)
        return tl::unexpected(read.error());
    return command;
}

std::string comparison_text(const Comparison& comparison, Colours colours) {
    std::string text =
        fmt::format("{}: {} connections: {}\nnow: {}; then: {}\n", printable(comparison.service),
                    comparison.now.result.connections, comparison.connections,
                    trial_words(comparison.now), trial_words(comparison.then));
    std::vector<Row> rows{{{"", "NOW", "", "", "", "", "", "THEN", "", "", "", "", ""}, Tone::Dim},
                          {{"SERVER", "WEIGHT", "BY WEIGHT", "SHARE", "CONNS", "PEAK", "MEAN",
                            "WEIGHT", "BY WEIGHT", "SHARE", "CONNS", "PEAK", "MEAN"},
                           Tone::Dim}};
    // Who is out now may come in, but not the other way.
    for (const scheduling::ServerShare& then : comparison.then.result.servers) {
        std::vector<std::string> cells{then.address.text()};
        for (const auto* server : {find(comparison.now.result, then.address), &then})
            std::ranges::copy(cells_of(server), std::back_inserter(cells));
        rows.push_back({std::move(cells)});
    }
    text += aligned(rows, {}, colours);
    for (const std::string& note : comparison.notes) text += fmt::format("note: {}\n", note);
    return text;
}

std::string comparison_json(const Comparison& comparison) {
    const Document document = {{"version", kVersion},
                               {"service", comparison.service},
                               {"from", comparison.connections},
                               {"connections", comparison.now.result.connections},
                               {"seconds", comparison.now.result.length},
                               {"now", json_of(comparison.now)},
                               {"then", json_of(comparison.then)},
                               {"notes", comparison.notes}};
    return document.dump(-1, ' ', false, Document::error_handler_t::replace);
}

int run(const SimulateCommand& command) {
    const auto answer = asked(command, "/api/v1/status");
    if (!answer) return answer.error();
    const auto status = api::parse_status(*answer);
    if (!status) return not_understood(status.error());
    const auto view = std::ranges::find(status->services, command.service, &api::ServiceView::name);
    if (view == status->services.end())
        return complain(
            Error{Fault::NotFound, fmt::format("there is no service '{}'", command.service)});
    const auto comparison = compare(command, *view, status->timeouts);
    if (!comparison) return comparison.error();
    if (command.json)
        fmt::print("{}\n", comparison_json(*comparison));
    else
        fmt::print("{}", comparison_text(*comparison, wanted_colours()));
    return kOk;
}

}  // namespace isobar::cli
