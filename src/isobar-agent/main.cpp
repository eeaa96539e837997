// SPDX-License-Identifier: Apache-2.0
// isobar-agent: the program of a real server.
#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>

#include "agent/agent.h"
#include "agent/check.h"
#include "agent/ledger.h"
#include "api/version.h"
#include "base/log.h"
#include "base/result.h"
#include "isobar-agent/options.h"
#include "isobar-agent/wake.h"

namespace {

using namespace isobar::agent;
using isobar::Error;
using isobar::Fault;
namespace log = isobar::log;

// Exit codes.
constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kPermission = 5;

int fail(const Error& error) {
    log::error(error.message);
    return error.fault == Fault::Permission ? kPermission : kFailed;
}

bool is_root() {
    if (::geteuid() == 0) return true;
    log::error("isobar-agent needs root: it sets addresses, sysctls and BPF programs");
    return false;
}

int check_host(const CheckCommand& command) {
    if (!is_root()) return kPermission;
    const auto facts = look_at_host();
    if (!facts) return fail(facts.error());
    const auto findings = check(*facts, command.question);
    for (const Finding& finding : findings) fmt::print("{}\n", finding.line());
    if (!findings.empty()) return kFailed;
    fmt::print("all is well\n");
    return kOk;
}

// Until a signal ends it, the agent only keeps its programs up to date.
int live(Agent& agent, Wake& wake) {
    for (;;) {
        const auto event = wake.next();
        if (!event) return fail(event.error());
        if (*event != Event::NetworkChanged) {
            log::info(
                fmt::format("stopped by {}", *event == Event::Interrupted ? "SIGINT" : "SIGTERM"));
            return kOk;
        }
        if (auto told = agent.refresh(); !told) log::warning(told.error().message);
    }
}

int run(const RunCommand& command) {
    if (!is_root()) return kPermission;
    // Before anything is looked at or changed: no change and no signal is missed.
    auto wake = Wake::open();
    if (!wake) return fail(wake.error());
    auto ledger = Ledger::open(command.state_dir);
    if (!ledger) return fail(ledger.error());
    auto agent = Agent::start(command.settings, *std::move(ledger));
    if (!agent) return fail(agent.error());
    ::sd_notify(0, "READY=1");
    log::info(fmt::format("isobar-agent {} is ready: {}", isobar::api::kVersion, agent->summary()));

    const int status = live(*agent, *wake);
    ::sd_notify(0, "STOPPING=1");
    if (const std::string deeds = agent->deeds(); !deeds.empty()) log::info(deeds);
    if (auto undone = agent->stop(); !undone) return fail(undone.error());
    log::info("all that it did is undone");
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads must not end the agent
    const auto command = parse_command_line(argc, argv);
    if (!command) {
        fmt::print(stderr, "isobar-agent: {}\nTry 'isobar-agent --help'.\n",
                   command.error().message);
        return kUsage;
    }
    if (const auto* text = std::get_if<PrintCommand>(&*command)) {
        fmt::print("{}", text->text);
        return kOk;
    }
    if (const auto* question = std::get_if<CheckCommand>(&*command)) return check_host(*question);
    return run(std::get<RunCommand>(*command));
}
