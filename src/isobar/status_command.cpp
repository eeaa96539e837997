// SPDX-License-Identifier: Apache-2.0
#include "isobar/status_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>

#include "api/client.h"
#include "api/status.h"
#include "isobar/complaint.h"
#include "isobar/exit_code.h"
#include "isobar/status_table.h"
#include "isobar/table.h"

namespace isobar::cli {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::seconds kInterval{1};

// Draws over what stood there, line by line: clearing first would flicker.
std::string redrawn(const std::string& text) {
    std::string screen = "\x1b[H";
    for (const char c : text) {
        if (c == '\n') screen += "\x1b[K";
        screen += c;
    }
    return screen + "\x1b[J";
}

bool print(const std::string& text) {
    const bool whole = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    return whole && std::fflush(stdout) == 0;
}

int show(const StatusCommand& command, const std::string& body, bool again) {
    std::string text = body + "\n";
    if (!command.json) {
        const auto status = api::parse_status(body);
        if (!status) {
            fmt::print(stderr, "isobar: {}\n", status.error().message);
            return kFailed;
        }
        text = status_table(*status, wanted_colours());
        if (command.watch && ::isatty(STDOUT_FILENO) != 0) {
            text = redrawn(text);
        } else if (again) {
            text.insert(0, "\n");
        }
    }
    if (print(text)) return kOk;
    std::perror("isobar: write");
    return kFailed;
}

int show_once(const StatusCommand& command, bool again) {
    const auto answer = api::ask(command.socket, "/api/v1/status", kPatience);
    if (!answer) return complain(answer.error());
    if (answer->code != 200) return complain(*answer);
    return show(command, answer->body, again);
}

}  // namespace

const char kStatusUsage[] = R"(Usage: isobar status [-j] [--watch] [--socket PATH]

Shows every virtual service with its real servers: weight (0: no new connections), active
and inactive connections, and what passes per second.

  -j, --json       the report of GET /api/v1/status as it is; with --watch one a line
      --watch      once a second, until Ctrl-C
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar status --json | jq '.services[].servers[] | select(.weight == 0)'
)";

Result<StatusCommand> make_status(const Given& given, std::string_view /*name*/, Words /*words*/) {
    return StatusCommand{given.asking(), given.watch};
}

int run(const StatusCommand& command) {
    int code = show_once(command, false);
    if (!command.watch || code != kOk) return code;
    auto next = std::chrono::steady_clock::now();
    while (code == kOk || code == kUnreachable || code == kTimeout) {
        // A daemon that is being restarted is worth waiting for.
        next += kInterval;
        std::this_thread::sleep_until(next);
        code = show_once(command, true);
    }
    return code;
}

}  // namespace isobar::cli
