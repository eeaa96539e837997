// SPDX-License-Identifier: Apache-2.0
// isobar-agent: the program of a real server.
#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/agent.h"
#include "agent/check.h"
#include "agent/ledger.h"
#include "api/version.h"
#include "base/log.h"
#include "base/result.h"
#include "isobar-agent/directors.h"
#include "isobar-agent/follower.h"
#include "isobar-agent/load_server.h"
#include "isobar-agent/options.h"
#include "isobar-agent/report.h"
#include "isobar-agent/told.h"
#include "isobar-agent/wake.h"

namespace {

using namespace isobar::agent;
using isobar::Error;
using isobar::Fault;
using isobar::Result;
using isobar::model::Endpoint;
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

// What is asked for by hand, or follows from what directors say. A director that names nothing for
// this host is a finding itself.
Result<std::vector<Question>> questions_for(const CheckCommand& command,
                                            std::vector<Finding>& findings) {
    if (command.directors.empty()) return std::vector{command.question};
    std::vector<isobar::api::RealServer> told;
    for (const Endpoint& director : command.directors) {
        auto answer = ask_director(director);
        if (!answer) return tl::unexpected(std::move(answer.error()));
        const std::string here = answer->address.text();
        if (answer->services.empty())
            findings.push_back({fmt::format("{} has no service with {}", director.text(), here),
                                "it sends nothing here",
                                "isobar-ipvsadm -a ... -r " + here + " on the director"});
        told.push_back(*std::move(answer));
    }
    return questions_of(told, command.question.gateway, agent_for(command.directors));
}

Result<void> tell(const std::vector<Endpoint>& directors, const std::vector<Question>& questions) {
    const auto report = look_and_report(leaving_gateways(questions));
    if (!report) return tl::unexpected(report.error());
    for (const Endpoint& director : directors)
        if (auto told = ask_and_tell_director(director, agent_report_json(*report)); !told)
            return tl::unexpected(std::move(told.error()));
    return {};
}

int check_host(const CheckCommand& command) {
    if (!is_root()) return kPermission;
    std::vector<Finding> findings;
    const auto questions = questions_for(command, findings);
    if (!questions) return fail(questions.error());
    const auto report = look_and_report(*questions);
    if (!report) return fail(report.error());
    findings.insert(findings.end(), report->findings.begin(), report->findings.end());
    if (command.tells)
        if (auto told = tell(command.directors, *questions); !told) return fail(told.error());
    for (const Finding& finding : findings) fmt::print("{}\n", finding.line());
    if (!findings.empty()) return kFailed;
    fmt::print("all is well\n");
    return kOk;
}

// Until a signal ends it, the agent only keeps its programs up to date, and asks directors.
int live(Agent& agent, Wake& wake, std::optional<Follower>& follower) {
    using Clock = Wake::Clock;
    const auto next_question = [&]() -> std::optional<Clock::time_point> {
        if (!follower) return std::nullopt;
        return Clock::now() + kAskEvery;
    };
    auto due = next_question();
    for (;;) {
        const auto event = wake.next(due);
        if (!event) return fail(event.error());
        switch (*event) {
            case Event::Due:
                if (follower) follower->look(agent);
                due = next_question();
                break;
            case Event::NetworkChanged:
                if (auto told = agent.refresh(); !told) log::warning(told.error().message);
                break;
            case Event::Interrupted:
            case Event::Terminated:
                log::info(fmt::format("stopped by {}",
                                      *event == Event::Interrupted ? "SIGINT" : "SIGTERM"));
                return kOk;
        }
    }
}

int run(const RunCommand& command) {
    if (!is_root()) return kPermission;
    // Before anything is looked at or changed: no change and no signal is missed.
    auto wake = Wake::open();
    if (!wake) return fail(wake.error());
    auto ledger = Ledger::open(command.state_dir);
    if (!ledger) return fail(ledger.error());
    std::optional<Follower> follower;
    if (!command.directors.empty()) follower.emplace(command.settings, command.directors);
    auto agent = Agent::start(command.settings, *std::move(ledger),
                              follower ? Earlier::Keep : Earlier::Undo);
    if (!agent) return fail(agent.error());
    if (follower) follower->look(*agent);
    ::sd_notify(0, "READY=1");
    log::info(fmt::format("isobar-agent {} is ready: {}", isobar::api::kVersion, agent->summary()));

    const int status = live(*agent, *wake, follower);
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
    if (const auto* load = std::get_if<LoadCommand>(&*command)) {
        const auto served = serve_load(*load);
        return served ? kOk : fail(served.error());
    }
    return run(std::get<RunCommand>(*command));
}
