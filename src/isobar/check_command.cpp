// SPDX-License-Identifier: Apache-2.0
#include "isobar/check_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/printable.h"
#include "control/wishes.h"
#include "isobar/asked.h"
#include "isobar/health_command.h"

namespace isobar::cli {
namespace {

// isobard knows how long the checks may take, and answers in time.
constexpr std::chrono::hours kLongest{24};

bool is_up(const api::CheckView& check) {
    return check.health == "up" && !check.last.empty() && check.last.back().outcome == "good";
}

std::string line_of(const api::CheckView& check) {
    if (check.last.empty()) return fmt::format("  {} to {}: not made\n", check.type, check.target);
    const api::AttemptView& attempt = check.last.back();
    return fmt::format("  {} to {}: {}, {}{}{}\n", check.type, check.target, attempt.outcome,
                       milliseconds(attempt.took), attempt.reason.empty() ? "" : ", ",
                       printable(attempt.reason));
}

}  // namespace

const char kCheckUsage[] = R"(Usage: isobar check [-j] [--socket PATH] SERVICE [SERVER]

Checks a server, or all servers of a service, at once, and shows what was found and what it means
for the server: one bad answer need not, where the configuration asks for several. SERVICE is a name
of the configuration, SERVER an address with or without its port.

  -j, --json       the report as it is
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

Exit code 0: all were found good, and are up; 1: not all. Servers that nobody checks count as up.

  isobar check web && isobar check mail
)";

Result<CheckCommand> make_check(const Given& given, std::string_view /*name*/, Words words) {
    CheckCommand command{given.asking(), {words[0], {}}};
    if (words.size() < 2) return command;
    const auto server = control::parse_server(words[1]);
    if (!server) return tl::unexpected(server.error());
    command.request.server = *server;
    return command;
}

bool all_up(const std::vector<api::HealthView>& servers) {
    return std::ranges::all_of(servers, [](const api::HealthView& server) {
        return std::ranges::all_of(server.checks, is_up);
    });
}

std::string check_text(const std::vector<api::HealthView>& servers) {
    std::string text;
    for (const api::HealthView& server : servers) {
        text += fmt::format("{} {}: {}\n", printable(server.service), printable(server.server),
                            printable(server.standing));
        if (server.checks.empty()) text += "  nobody checks it\n";
        for (const api::CheckView& check : server.checks) text += line_of(check);
    }
    return text.empty() ? "no servers\n" : text;
}

int run(const CheckCommand& command) {
    const auto answer =
        posted(command, "/api/v1/checks", api::check_json(command.request), kLongest);
    if (const int code = show(command, answer, api::parse_healths, check_text); code != kOk)
        return code;
    const auto servers = api::parse_healths(*answer);
    return servers && all_up(*servers) ? kOk : kFailed;
}

}  // namespace isobar::cli
