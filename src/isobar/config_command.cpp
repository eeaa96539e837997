// SPDX-License-Identifier: Apache-2.0
#include "isobar/config_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/duration.h"
#include "base/printable.h"
#include "base/text.h"
#include "import/load.h"
#include "isobar/asked.h"
#include "isobar/config_text.h"
#include "isobar/table.h"

namespace isobar::cli {
namespace {

// A large configuration takes its time to be read and compared.
constexpr std::chrono::seconds kLongest{60};

ConfigName named(std::string_view word) {
    if (word == "running") return {0, {}};
    const auto number = parse_unsigned<std::uint32_t>(word);
    if (number.value_or(0) > 0) return {number, {}};
    return {{}, std::string(word)};
}

// A text that may hold; else what there was to say has been said: the exit code.
struct ConfigText {
    std::string text, from;
};
using Named = tl::expected<ConfigText, int>;

Named read_file(const std::string& path) {
    const importer::LoadedFile loaded = importer::load_any(path);
    for (const auto* found : {&loaded.errors, &loaded.notes})
        for (const config::Diagnostic& each : *found) fmt::print(stderr, "{}\n", each.text());
    if (!loaded.config) return tl::unexpected(kConfigInvalid);
    return ConfigText{loaded.text, std::filesystem::absolute(path).string()};
}

// Of a version; 0: of the one that runs.
Asked version_of(const Asking& asking, std::uint32_t number) {
    return asked(asking,
                 number == 0 ? "/api/v1/config" : fmt::format("/api/v1/config/versions/{}", number),
                 kLongest);
}

Named fetch(const Asking& asking, std::uint32_t number) {
    const auto answer = version_of(asking, number);
    if (!answer) return tl::unexpected(answer.error());
    auto version = api::parse_version(*answer);
    if (!version) return tl::unexpected(not_understood(version.error()));
    return ConfigText{std::move(version->text), fmt::format("version {}", number)};
}

// The file that isobard reads.
tl::expected<std::string, int> own_file(const Asking& asking) {
    const auto answer = asked(asking, "/api/v1/status");
    if (!answer) return tl::unexpected(answer.error());
    auto status = api::parse_status(*answer);
    if (!status) return tl::unexpected(not_understood(status.error()));
    return std::move(status->config.file);
}

Named text_of(const Asking& asking, const ConfigName& name) {
    if (name.version) return fetch(asking, *name.version);
    if (!name.file.empty()) return read_file(name.file);
    const auto file = own_file(asking);
    return file ? read_file(*file) : tl::unexpected(file.error());
}

Asked ask_plan(const Asking& asking, const ConfigText& config) {
    return posted(asking, "/api/v1/config/plan", api::request_json({config.text, config.from}),
                  kLongest);
}

// The plan goes where the answer does not, if that is for a program.
void print_plan(const Asking& asking, const api::PlanView& plan) {
    std::FILE* stream = asking.json ? stderr : stdout;
    fmt::print(stream, "{}", plan_text(plan, wanted_colours(stream)));
}

// Only a person at a terminal is asked.
bool agrees(const Asking& asking, const api::PlanView& plan, bool yes) {
    const bool nothing = plan.differences.empty() && plan.effects.empty();
    if (nothing || yes || asking.json || ::isatty(STDIN_FILENO) == 0 ||
        ::isatty(STDOUT_FILENO) == 0)
        return true;
    fmt::print("\nApply it? [y/N] ");
    std::fflush(stdout);
    const int answer = std::getchar();
    if (answer == 'y' || answer == 'Y') return true;
    fmt::print("nothing was changed\n");
    return false;
}

// Shows what the configuration would change. Else it is not to be applied: the exit code.
tl::expected<api::PlanView, int> agreed_plan(const Asking& asking, const ConfigText& config,
                                             bool dry_run, bool yes) {
    const auto answer = ask_plan(asking, config);
    if (!answer) return tl::unexpected(answer.error());
    auto plan = api::parse_plan(*answer);
    if (!plan) return tl::unexpected(not_understood(plan.error()));
    print_plan(asking, *plan);
    if (dry_run || !agrees(asking, *plan, yes)) return tl::unexpected(kOk);
    return *std::move(plan);
}

tl::unexpected<Error> no_version(std::string_view word) {
    return failure(Fault::Invalid, fmt::format("'{}' is no number of a version", printable(word)));
}

int show_applied(const Asking& asking, const Asked& answer) {
    return show(asking, answer, api::parse_applied, applied_text);
}

}  // namespace

const char kPlanUsage[] = R"(Usage: isobar plan [-j] [--socket PATH] [FILE|VERSION]

Shows what applying a configuration would change: what it says differently from the one that runs,
what is done in the data plane for that, and how many open connections end. Nothing is changed.

FILE may be of any kind that isobard reads; default: the file that isobard was started with. A
number is a version of 'isobar history'.

  -j, --json       the plan as it is
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar plan new.toml
)";

const char kApplyUsage[] =
    R"(Usage: isobar apply [--confirm TIME] [--why TEXT] [--yes] [--dry-run] [-j] [FILE|VERSION]

Applies a configuration: all of it, or, if anything of it cannot be, nothing. Shows the plan first,
and asks if you are at a terminal. FILE and VERSION as for 'isobar plan'. What is applied holds over
restarts, until another version is applied, the file of isobard is changed, or isobard is told to
read it (systemctl reload isobard). That file is never written to.

      --confirm TIME
                   goes back by itself after this ("60s", "5m"), unless 'isobar confirm' is said;
                   likewise if isobard ends meanwhile
      --why TEXT   a word for your colleagues, kept in the history
      --yes        do not ask
      --dry-run    only the plan
  -j, --json       what was done; the plan goes to stderr
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar apply --confirm 60s /etc/isobar/isobar.toml && curl -m 5 http://10.0.0.2/ && isobar confirm
)";

const char kConfirmUsage[] = R"(Usage: isobar confirm [-j] [--socket PATH]

The version that was applied with --confirm stays.

  -j, --json       the version
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text
)";

const char kRollbackUsage[] =
    R"(Usage: isobar rollback [--why TEXT] [--yes] [--dry-run] [-j] [VERSION]

Applies the version before the one that runs, or that VERSION of 'isobar history'. It becomes a new
version, so that 'isobar rollback' once more undoes this one.

      --why TEXT   a word for your colleagues, kept in the history
      --yes        do not ask
      --dry-run    only the plan
  -j, --json       what was done; the plan goes to stderr
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text
)";

const char kHistoryUsage[] = R"(Usage: isobar history [-j] [--socket PATH] [VERSION]

The configurations that were applied, newest first: when, from where, by whom and why. With VERSION,
the text of that one ("running": the one that runs). The last 50 are kept.

  -j, --json       the list, or the version, as it is
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

  isobar history 7 > old.toml
)";

const char kDiffUsage[] = R"(Usage: isobar diff [-j] [--socket PATH] [A [B]]

What two configurations say differently. A and B are files or numbers of 'isobar history', or
"running". One alone is compared with what runs; none: the file of isobard with what runs.

  -j, --json       the differences as a list
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

Exit code 0: none; 1: there are some.

  isobar diff 7 8
)";

Result<PlanCommand> make_plan(const Given& given, std::string_view /*name*/, Words words) {
    return PlanCommand{given.asking(), words.empty() ? ConfigName{} : named(words[0])};
}

Result<ApplyCommand> make_apply(const Given& given, std::string_view /*name*/, Words words) {
    ApplyCommand command{given.asking(), words.empty() ? ConfigName{} : named(words[0]),
                         given.why,      {},
                         given.dry_run,  given.yes};
    if (given.confirm.empty()) return command;
    const auto time = parse_duration(given.confirm);
    if (!time || *time < std::chrono::seconds(1) || *time > api::kLongestConfirm)
        return failure(Fault::Invalid,
                       fmt::format("--confirm {}: a time as \"60s\" or \"5m\", 1s to 1d",
                                   printable(given.confirm)));
    command.confirm = std::chrono::ceil<std::chrono::seconds>(*time);
    return command;
}

Result<ConfirmCommand> make_confirm(const Given& given, std::string_view /*name*/,
                                    Words /*words*/) {
    return ConfirmCommand{given.asking()};
}

Result<RollbackCommand> make_rollback(const Given& given, std::string_view /*name*/, Words words) {
    RollbackCommand command{given.asking(), {{}, given.why, {}}, given.dry_run, given.yes};
    if (words.empty()) return command;
    command.request.version = named(words[0]).version;
    if (command.request.version.value_or(0) > 0) return command;
    return no_version(words[0]);
}

Result<HistoryCommand> make_history(const Given& given, std::string_view /*name*/, Words words) {
    HistoryCommand command{given.asking(), {}};
    if (words.empty()) return command;
    command.version = named(words[0]).version;
    if (command.version) return command;
    return no_version(words[0]);
}

Result<DiffCommand> make_diff(const Given& given, std::string_view /*name*/, Words words) {
    DiffCommand command{given.asking(), {0, {}}, {}};
    if (words.size() == 1) command.to = named(words[0]);
    if (words.size() < 2) return command;
    command.from = named(words[0]);
    command.to = named(words[1]);
    return command;
}

int run(const PlanCommand& command) {
    const auto config = text_of(command, command.config);
    if (!config) return config.error();
    return show(command, ask_plan(command, *config), api::parse_plan,
                [](const api::PlanView& plan) { return plan_text(plan, wanted_colours()); });
}

int run(const ApplyCommand& command) {
    const auto config = text_of(command, command.config);
    if (!config) return config.error();
    const auto plan = agreed_plan(command, *config, command.dry_run, command.yes);
    if (!plan) return plan.error();
    api::ConfigRequest request{config->text, config->from, command.why};
    request.if_version = plan->version;
    request.confirm = command.confirm;
    return show_applied(command,
                        posted(command, "/api/v1/config", api::request_json(request), kLongest));
}

int run(const ConfirmCommand& command) {
    return show_applied(command, posted(command, "/api/v1/config/confirm", "{}"));
}

int run(const RollbackCommand& command) {
    api::RollbackRequest request = command.request;
    if (!request.version) {
        const auto answer = asked(command, "/api/v1/config/versions");
        if (!answer) return answer.error();
        const auto versions = api::parse_versions(*answer);
        if (!versions) return not_understood(versions.error());
        if (versions->size() < 2) {
            fmt::print(stderr, "isobar: there is no version before this one\n");
            return kNotFound;
        }
        request.version = versions->end()[-2].version.number;
    }
    const auto config = fetch(command, *request.version);
    if (!config) return config.error();
    const auto plan = agreed_plan(command, *config, command.dry_run, command.yes);
    if (!plan) return plan.error();
    return show_applied(
        command, posted(command, "/api/v1/config/rollback", api::request_json(request), kLongest));
}

int run(const HistoryCommand& command) {
    if (!command.version)
        return show(command, asked(command, "/api/v1/config/versions"), api::parse_versions,
                    [](const auto& versions) { return history_text(versions, wanted_colours()); });
    return show(command, version_of(command, *command.version), api::parse_version,
                [](const api::VersionView& version) { return version.text; });
}

int run(const DiffCommand& command) {
    const auto from = text_of(command, command.from);
    if (!from) return from.error();
    const auto to = text_of(command, command.to);
    if (!to) return to.error();
    const auto differences = config::differences(from->text, to->text);
    if (command.json)
        fmt::print("{}\n", api::differences_json(differences));
    else
        fmt::print("{}", differences_text(differences, wanted_colours()));
    return differences.empty() ? kOk : kFailed;
}

}  // namespace isobar::cli
