// SPDX-License-Identifier: Apache-2.0
#include "isobar/top_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "api/client.h"
#include "api/routes.h"
#include "base/printable.h"
#include "isobar/asked.h"
#include "isobar/conns_command.h"
#include "isobar/screen.h"

namespace isobar::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kEvery{1};
// isobard is not kept busier than that by one who looks on.
constexpr int kPause = 4;
constexpr std::size_t kNarrow = 100;
constexpr const char* kKeys = "q: quit  s: sorted by something else  c: clients, servers";

enum class Show : std::uint8_t { Servers, Clients };

SortBy next(SortBy by) {
    constexpr std::array kOrder{SortBy::Active, SortBy::Inactive, SortBy::Connections, SortBy::In,
                                SortBy::Out,    SortBy::Weight,   SortBy::None};
    for (std::size_t i = 0; i + 1 < kOrder.size(); ++i)
        if (kOrder.at(i) == by) return kOrder.at(i + 1);
    return kOrder.front();
}

// What isobard says, or why it does not: somebody may be restarting it.
template <typename Parse, typename Text>
std::string told(const Asking& asking, const std::string& target, Parse parse, Text text) {
    const auto answer = api::ask(asking.socket, target, kPatience);
    if (!answer) return printable(answer.error().message) + "\n";
    if (answer->code != 200) return printable(api::problem_detail(answer->body)) + "\n";
    const auto parsed = parse(answer->body);
    return parsed ? text(*parsed) : printable(parsed.error().message) + "\n";
}

std::string servers_text(const TopCommand& command, std::size_t width) {
    return told(command, "/api/v1/status", api::parse_status, [&](const api::Status& status) {
        return top_text(status, command.by, width, wanted_colours());
    });
}

std::string clients_text(const TopCommand& command, std::size_t rows) {
    const auto target = fmt::format("/api/v1/connections?top=client&limit={}", rows);
    return told(command, target, api::parse_connections, [](const api::ConnectionList& list) {
        return connections_text(list, wanted_colours());
    });
}

int watch(TopCommand command) {
    auto screen = Screen::open();
    if (!screen) return not_understood(screen.error());
    Show show = Show::Servers;
    for (;;) {
        const auto begun = Clock::now();
        const auto [columns, rows] = screen->size();
        const std::string text =
            show == Show::Servers ? servers_text(command, columns) : clients_text(command, rows);
        screen->draw(paint(cut(kKeys, columns), Tone::Dim, wanted_colours()) + "\n" + text);
        const auto took = Clock::now() - begun;
        const char key = screen->key(begun + std::max<Clock::duration>(kEvery, kPause * took));
        if (key == Screen::kEnd) return kOk;
        if (key == 's') command.by = next(command.by);
        if (key == 'c') show = show == Show::Servers ? Show::Clients : Show::Servers;
    }
}

}  // namespace

const char kTopUsage[] = R"(Usage: isobar top [-j] [--sort WHAT] [--socket PATH]

Shows the real servers at work, once a second, those with most connections first. Where stdout is no
terminal, once.

Keys: q quits; s sorts by something else; c shows which clients have most connections.

      --sort WHAT  active (default), inactive, connections, in, out (per second), weight or none
  -j, --json       as 'isobar servers -j', once
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text
)";

Result<TopCommand> make_top(const Given& given, std::string_view /*name*/, Words /*words*/) {
    TopCommand command{given.asking(), SortBy::Active};
    if (given.sort.empty()) return command;
    const auto by = sort_named(given.sort);
    if (!by) return tl::unexpected(by.error());
    command.by = *by;
    return command;
}

std::string top_text(const api::Status& status, SortBy by, std::size_t width, Colours colours) {
    auto servers = server_facts(status);
    sort(servers, by);
    const std::string head =
        fmt::format("{}: connections {} of {}; servers by {}", printable(status.program),
                    status.connections_used, status.connections_size, name(by));
    return paint(cut(head, width), Tone::Bold, colours) + "\n" +
           servers_table(servers, width, colours);
}

int run(const TopCommand& command) {
    if (!command.json && ::isatty(STDOUT_FILENO) != 0 && ::isatty(STDIN_FILENO) != 0)
        return watch(command);
    const auto answer = asked(command, "/api/v1/status");
    if (!answer) return answer.error();
    const auto status = api::parse_status(*answer);
    if (!status) return not_understood(status.error());
    if (command.json) {
        auto servers = server_facts(*status);
        sort(servers, command.by);
        fmt::print("{}\n", servers_json(servers));
    } else {
        fmt::print("{}", top_text(*status, command.by, kNarrow, Colours::Off));
    }
    return kOk;
}

}  // namespace isobar::cli
