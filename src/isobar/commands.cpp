// SPDX-License-Identifier: Apache-2.0
#include "isobar/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "config/suggest.h"
#include "isobar/options.h"

namespace isobar::cli {
namespace {

// What a command makes of a command line, as one of all commands.
template <auto kMake>
Result<Command> made(const Given& given, std::string_view name, Words words) {
    return kMake(given, name, words).map([](auto command) { return Command(std::move(command)); });
}

constexpr std::array kOfServer{"which service, and which server?", "which server?",
                               static_cast<const char*>(nullptr)};
constexpr std::array kOfWeight{kOfServer[0], kOfServer[1], "which weight?"};

constexpr std::array kServiceAndServer{Completes::Service, Completes::Server};
constexpr std::array kServiceOnly{Completes::Service, Completes::Nothing};

constexpr std::array kCommands{
    CommandSpec{"status",
                "services, their real servers, connections and rates",
                kStatusUsage,
                Json | Again,
                {},
                made<make_status>},
    CommandSpec{"services", "services, a line each", kListUsage, Json | Sort, {}, made<make_list>},
    CommandSpec{"servers",
                "real servers, a line each",
                kListUsage,
                Json | Sort,
                {},
                made<make_list>,
                1,
                kServiceOnly},
    CommandSpec{"top", "real servers at work, live", kTopUsage, Json | Sort, {}, made<make_top>},
    CommandSpec{"health",
                "what the checks of a server have found, and what was said at the last one",
                kHealthUsage, Json, kOfServer, made<make_health>, 0, kServiceAndServer},
    CommandSpec{"check",
                "checks a server, or all of a service, at once",
                kCheckUsage,
                Json,
                {"which service?"},
                made<make_check>,
                1,
                kServiceAndServer},
    CommandSpec{"conns",
                "connections, and who has most of them",
                kConnsUsage,
                Json | Filter | Counting | Limit,
                {},
                made<make_conns>,
                1},
    CommandSpec{"explain",
                "what becomes of a packet, step by step, and why",
                kExplainUsage,
                Json | PacketMark,
                {},
                made<make_explain>,
                8},
    CommandSpec{"simulate",
                "servers' shares of connections with another scheduler or other weights",
                kSimulateUsage,
                Json | Simulation,
                {"which service?"},
                made<make_simulate>,
                0,
                kServiceOnly},
    CommandSpec{"trace",
                "packets, live: what the data plane does with each, and why",
                kTraceUsage,
                Json | Filter | Tracing,
                {},
                made<make_trace>},
    CommandSpec{"doctor",
                "what is wrong between clients and real servers, and what mends it",
                kDoctorUsage,
                Json,
                {},
                made<make_doctor>},
    CommandSpec{"events",
                "what has happened, and what happens",
                kEventsUsage,
                Json | Limit | Follow,
                {},
                made<make_events>},
    CommandSpec{"drain", "a server gets no new connections; those that it has go on", kDrainUsage,
                Json | Reason | Patience, kOfServer, made<make_drain>, 0, kServiceAndServer},
    CommandSpec{"disable", "a server leaves its service, for maintenance", kWishUsage,
                Json | Reason, kOfServer, made<make_wish>, 0, kServiceAndServer},
    CommandSpec{"enable",
                "the end of drain, disable, up, down and weight: as configuration and checks say",
                kWishUsage, Json | Reason, kOfServer, made<make_wish>, 0, kServiceAndServer},
    CommandSpec{"up", "a server serves whatever its checks say", kWishUsage, Json | Reason,
                kOfServer, made<make_wish>, 0, kServiceAndServer},
    CommandSpec{"down", "a server counts as down whatever its checks say", kWishUsage,
                Json | Reason, kOfServer, made<make_wish>, 0, kServiceAndServer},
    CommandSpec{"weight", "a server has this weight", kWishUsage, Json | Reason, kOfWeight,
                made<make_wish>, 0, kServiceAndServer},
    CommandSpec{"plan",
                "what a configuration would change, and which open connections would end",
                kPlanUsage,
                Json,
                {},
                made<make_plan>,
                1},
    CommandSpec{"apply",
                "applies a configuration, all of it or nothing",
                kApplyUsage,
                Json | Reason | Confirmation | Question,
                {},
                made<make_apply>,
                1},
    CommandSpec{"confirm",
                "what was applied with --confirm stays",
                kConfirmUsage,
                Json,
                {},
                made<make_confirm>},
    CommandSpec{"rollback",
                "applies the version before, or another one",
                kRollbackUsage,
                Json | Reason | Question,
                {},
                made<make_rollback>,
                1},
    CommandSpec{"history",
                "the configurations that were applied, or the text of one",
                kHistoryUsage,
                Json,
                {},
                made<make_history>,
                1},
    CommandSpec{"diff",
                "what two configurations say differently",
                kDiffUsage,
                Json,
                {},
                made<make_diff>,
                2},
    CommandSpec{"import",
                "a configuration of keepalived, Piranha, ldirectord or ipvsadm as isobar.toml",
                kImportUsage,
                FormatName,
                {"which file?"},
                made<make_import>},
    CommandSpec{"completion",
                "what bash, zsh or fish are told to complete all this",
                kCompletionUsage,
                0,
                {"of which shell?"},
                made<make_completion>},
};

constexpr const char* kHead = R"(Usage: isobar COMMAND [OPTION...]

Asks the director, isobard, what it does, and tells it what you want: of a server, or with another
configuration.

Commands:
)";

constexpr const char* kTail = R"(  help        this text, or that of a command: isobar help status

Options, before or after the command:
  -j, --json       JSON on stdout, for programs
      --watch      again and again, until Ctrl-C
      --why TEXT   a word for your colleagues, shown with what you want of a server
      --confirm TIME, --yes, --dry-run
                   of apply and rollback: isobar help apply
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       what the command does
  -v, --version    the version

Exit codes: 0 ok, 1 failed, 2 usage, 3 configuration invalid, 4 no such file, server or version,
or not now, 5 permission, 6 isobard does not run, 7 no answer in time.
See isobar(1).
)";

}  // namespace

std::span<const CommandSpec> commands() {
    return kCommands;
}

Result<const CommandSpec*> command_named(std::string_view word) {
    std::vector<std::string> known{"help"};
    for (const CommandSpec& command : kCommands) {
        if (command.name == word) return &command;
        known.emplace_back(command.name);
    }
    std::string message = fmt::format("unknown command '{}'", word);
    const std::string hint = config::suggestion(word, known);
    if (!hint.empty()) message += "; " + hint;
    return failure(Fault::Invalid, std::move(message));
}

Result<void> fits(const CommandSpec& command, const Given& given, Words words) {
    for (const OptionSpec& option : options())
        if (option.of != 0 && (command.takes & option.of) == 0 && is_given(option, given))
            return failure(Fault::Invalid,
                           fmt::format("--{} is for {}", option.name, option.whose));
    const auto wanted = static_cast<std::size_t>(std::ranges::count_if(
        command.questions, [](const char* question) { return question != nullptr; }));
    if (words.size() < wanted) return failure(Fault::Invalid, command.questions[words.size()]);
    const std::size_t most = wanted + command.more_words;
    if (words.size() > most)
        return failure(Fault::Invalid, fmt::format("unexpected argument '{}'", words[most]));
    return {};
}

std::string usage() {
    std::string text = kHead;
    for (const CommandSpec& command : kCommands)
        text += fmt::format("  {:<10}  {}\n", command.name, command.summary);
    return text + kTail;
}

}  // namespace isobar::cli
