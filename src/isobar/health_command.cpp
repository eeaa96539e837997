// SPDX-License-Identifier: Apache-2.0
#include "isobar/health_command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

#include "base/printable.h"
#include "base/text.h"
#include "control/wishes.h"
#include "isobar/asked.h"

namespace isobar::cli {
namespace {

std::string head(const api::CheckView& check) {
    std::string text = fmt::format("{} to {}: {}", check.type, check.target, check.health);
    if (check.health != "unknown")
        text += fmt::format(" since {:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(check.since));
    if (!check.reason.empty()) text += ", " + printable(check.reason);
    if (check.response.count() > 0)
        text += fmt::format("; it takes {}", milliseconds(check.response));
    if (check.damped) text += "; it changed too often, and is held down until it is stable";
    text += "\n";
    if (!check.warning.empty()) text += fmt::format("  warning: {}\n", printable(check.warning));
    return text;
}

std::string check_text(const api::CheckView& check) {
    std::string text = head(check);
    text += fmt::format("  the last {} of {} attempts:\n", check.last.size(), check.attempts);
    for (const api::AttemptView& attempt : check.last)
        text += fmt::format("    {:%H:%M:%S}  {:<8}  {:>9}  {}\n", fmt::gmtime(attempt.at),
                            attempt.outcome, milliseconds(attempt.took), printable(attempt.reason));
    if (check.transcript.empty()) return text;
    text += "  what was said at the last one:\n";
    for (const std::string_view line : split(check.transcript, '\n'))
        text += fmt::format("    {}\n", printable(line));
    return text;
}

}  // namespace

const char kHealthUsage[] = R"(Usage: isobar health [-j] [--socket PATH] SERVICE SERVER

Shows each check of a server: whether it is up, since when and why, the last 20 attempts, and what
was said at the last one ('>' sent, '<' received). SERVICE is a name of the configuration, SERVER an
address with or without its port.

  -j, --json       the report as it is
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar health web 192.168.10.100
)";

Result<HealthCommand> make_health(const Given& given, std::string_view /*name*/, Words words) {
    const auto server = control::parse_server(words[1]);
    if (!server) return tl::unexpected(server.error());
    return HealthCommand{given.asking(), words[0], *server};
}

std::string milliseconds(std::chrono::microseconds time) {
    return fmt::format("{:.1f} ms", static_cast<double>(time.count()) / 1000);
}

std::string health_text(const api::HealthView& health) {
    std::string text = fmt::format("{} {}: {}\n", printable(health.service),
                                   printable(health.server), printable(health.standing));
    if (health.checks.empty()) return text + "\nNobody checks it.\n";
    for (const api::CheckView& check : health.checks) text += "\n" + check_text(check);
    return text;
}

int run(const HealthCommand& command) {
    const auto target =
        fmt::format("/api/v1/health/{}/{}", command.service, control::server_text(command.server));
    return show(command, asked(command, target), api::parse_health, health_text);
}

}  // namespace isobar::cli
