// SPDX-License-Identifier: Apache-2.0
#include "isobar/completion_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "api/client.h"
#include "dataplane/verdicts.h"
#include "import/import.h"
#include "isobar/commands.h"
#include "isobar/exit_code.h"
#include "isobar/facts.h"
#include "isobar/options.h"

namespace isobar::cli {
namespace {

// Somebody waits with a finger on the key.
constexpr std::chrono::seconds kPatience{1};

constexpr const char* kBash = R"end(# bash completion of isobar
_isobar() {
    local line=${COMP_LINE:0:COMP_POINT} word
    local -a words
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    word=${words[-1]}
    mapfile -t COMPREPLY < <("$1" complete -- "${words[@]:1}" 2>/dev/null)
    # Files where there are some to name, and nowhere else
    [[ " ${words[*]} " =~ \ (import|plan|apply|diff)\  || ${words[-2]} == --@(socket|from) ]] &&
        compopt -o default
    # bash takes what stands behind a colon for a word of its own
    [[ $COMP_WORDBREAKS == *:* ]] && COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*:}"}"}")
}
complete -F _isobar isobar
)end";

constexpr const char* kZsh = R"end(#compdef isobar
_isobar() {
    local -a found
    found=(${(f)"$("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( ${#found} )); then
        compadd -a found
    elif [[ " $words " =~ " (import|plan|apply|diff) " || ${words[CURRENT-1]} == --(socket|from) ]]; then
        _files
    fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _isobar "$@"; else compdef _isobar isobar; fi
)end";

constexpr const char* kFish = R"end(# fish completion of isobar
function __isobar_words
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    $words[1] complete -- $words[2..-1] "$word" 2>/dev/null
end
complete -c isobar -f -a '(__isobar_words)'
complete -c isobar -n '__fish_seen_subcommand_from import plan apply diff' -F
complete -c isobar -n 'contains -- (commandline -opc)[-1] --socket --from' -F
)end";

const OptionSpec* option_named(std::string_view word) {
    for (const OptionSpec& option : options())
        if (word == fmt::format("--{}", option.name)) return &option;
    return nullptr;
}

bool has_value(const OptionSpec& option) {
    return std::holds_alternative<std::string Given::*>(option.into);
}

// The value of an option.
void want_value(std::string_view option, Wanted& wanted) {
    if (option == "service") wanted.what = Completes::Service;
    if (option == "server") wanted.what = Completes::Server;
    wanted.one_of = option == "protocol" ? std::vector<std::string>{"tcp", "udp", "sctp"}
                    : option == "top"    ? std::vector<std::string>{"client", "server", "service"}
                    : option == "then"   ? std::vector<std::string>{"wait", "expire", "reset"}
                                         : std::vector<std::string>{};
    if (option == "verdict")
        for (const auto& verdict : dataplane::verdicts()) wanted.one_of.push_back(verdict.name);
    if (option == "sort")
        for (int by = 0; by <= static_cast<int>(SortBy::Weight); ++by)
            wanted.one_of.emplace_back(name(static_cast<SortBy>(by)));
    if (option == "scheduler")
        for (const auto scheduler : model::scheduler_names()) wanted.one_of.emplace_back(scheduler);
    if (option == "format")
        for (const importer::Format format : importer::kFormats)
            wanted.one_of.emplace_back(name(format));
    if (!wanted.one_of.empty()) wanted.what = Completes::OneOf;
}

std::vector<std::string> all_candidates(const Wanted& wanted, const api::Status* status) {
    std::vector<std::string> all = wanted.one_of;
    if (wanted.what == Completes::Commands) {
        all.emplace_back("help");
        for (const CommandSpec& command : commands()) all.emplace_back(command.name);
    }
    if (wanted.what == Completes::Options) {
        const auto command = command_named(wanted.command);
        for (const OptionSpec& option : options())
            if (option.of == 0 || (command && ((*command)->takes & option.of) != 0))
                all.push_back(fmt::format("--{}", option.name));
    }
    if (status == nullptr) return all;
    for (const api::ServiceView& service : status->services) {
        if (service.name.empty()) continue;
        if (wanted.what == Completes::Service) all.push_back(service.name);
        if (wanted.what != Completes::Server) continue;
        if (!wanted.service.empty() && wanted.service != service.name) continue;
        // Without a port, where that is enough to tell them apart
        std::multiset<model::Address> addresses;
        for (const auto& server : service.standings) addresses.insert(server.address.address);
        for (const auto& server : service.standings)
            all.push_back(addresses.count(server.address.address) == 1
                              ? server.address.address.text()
                              : server.address.text());
    }
    return all;
}

}  // namespace

const char kCompletionUsage[] = R"(Usage: isobar completion bash|zsh|fish

Prints what a shell is told to complete commands, options, services and servers.

  isobar completion bash > /etc/bash_completion.d/isobar
  isobar completion zsh  > /usr/local/share/zsh/site-functions/_isobar
  isobar completion fish > /etc/fish/completions/isobar.fish
)";

Result<CompletionCommand> make_completion(const Given& /*given*/, std::string_view /*name*/,
                                          Words words) {
    const std::string_view shell = words[0];
    if (shell == "bash" || shell == "zsh" || shell == "fish") return CompletionCommand{words[0]};
    return failure(Fault::Invalid, fmt::format("'{}' is none of bash, zsh, fish", shell));
}

Wanted wanted_word(const std::vector<std::string>& words) {
    Wanted wanted;
    if (words.empty()) return wanted;
    std::vector<std::string> plain;  // the command, and its words
    const OptionSpec* open = nullptr;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        if (open != nullptr) {
            if (std::string_view(open->name) == "socket") wanted.socket = words[i];
            if (std::string_view(open->name) == "service") wanted.service = words[i];
            open = nullptr;
        } else if (words[i].starts_with('-')) {
            const OptionSpec* option = option_named(words[i]);
            if (option != nullptr && has_value(*option)) open = option;
        } else {
            plain.push_back(words[i]);
        }
    }
    if (!plain.empty()) wanted.command = plain[0];
    if (open != nullptr) {
        want_value(open->name, wanted);
    } else if (words.back().starts_with('-')) {
        wanted.what = Completes::Options;
    } else if (plain.empty() || (plain.size() == 1 && plain[0] == "help")) {
        wanted.what = Completes::Commands;
    } else if (const auto command = command_named(plain[0]); command) {
        const auto& kinds = (*command)->words;
        if (plain.size() <= kinds.size()) wanted.what = kinds.at(plain.size() - 1);
        if (wanted.what == Completes::Server && plain.size() > 1) wanted.service = plain[1];
        if (plain[0] == "completion" && plain.size() == 1) {
            wanted.what = Completes::OneOf;
            wanted.one_of = {"bash", "zsh", "fish"};
        }
        if (plain[0] == "explain" && plain.size() == 1) {
            wanted.what = Completes::OneOf;
            wanted.one_of = {"tcp", "udp", "sctp"};
        }
    }
    return wanted;
}

std::vector<std::string> candidates(const Wanted& wanted, std::string_view begun,
                                    const api::Status* status) {
    std::set<std::string> found;
    for (std::string& each : all_candidates(wanted, status))
        // Names that a terminal should not see are none to type
        if (each.starts_with(begun) && each.find_first_of("\n\x1b") == std::string::npos)
            found.insert(std::move(each));
    return {found.begin(), found.end()};
}

int run(const CompletionCommand& command) {
    fmt::print("{}", command.shell == "bash" ? kBash : command.shell == "zsh" ? kZsh : kFish);
    return kOk;
}

int run(const CompleteCommand& command) {
    if (command.words.empty()) return kOk;
    const Wanted wanted = wanted_word(command.words);
    std::optional<api::Status> status;
    if (wanted.what == Completes::Service || wanted.what == Completes::Server) {
        const auto answer = api::ask(wanted.socket, "/api/v1/status", kPatience);
        const auto parsed = answer && answer->code == 200 ? api::parse_status(answer->body)
                                                          : failure(Fault::NotFound, "");
        if (parsed) status = *parsed;
    }
    for (const std::string& each :
         candidates(wanted, command.words.back(), status ? &*status : nullptr))
        fmt::print("{}\n", each);
    return kOk;
}

}  // namespace isobar::cli
