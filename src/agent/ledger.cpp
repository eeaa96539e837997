// SPDX-License-Identifier: Apache-2.0
#include "agent/ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

namespace isobar::agent {
namespace {

constexpr std::string_view kTitle = "isobar agent 1";
constexpr std::string_view kEmpty = "-";
constexpr int kNamespaceCookie = 71;  // SO_NETNS_COOKIE, since Linux 5.14

constexpr std::array kKinds = {StepKind::Sysctl, StepKind::MakeLink, StepKind::RaiseLink,
                               StepKind::Clsact, StepKind::Filters,  StepKind::Address};

// Takes the first line off `text`, without its newline; nothing if none is complete.
std::optional<std::string> take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    std::string line(text.substr(0, end));
    text.remove_prefix(end + 1);
    return line;
}

// None of the words has a space: paths of sysctls, interfaces, addresses, numbers.
std::optional<Step> parse_step(const std::string& line) {
    std::istringstream words(line);
    std::string kind, rest;
    Step step;
    if (!(words >> kind >> step.on >> step.value >> step.before) || words >> rest)
        return std::nullopt;
    const auto* const found = std::find_if(kKinds.begin(), kKinds.end(),
                                           [&](StepKind each) { return name(each) == kind; });
    if (found == kKinds.end()) return std::nullopt;
    step.kind = *found;
    for (std::string* word : {&step.value, &step.before})
        if (*word == kEmpty) word->clear();
    return step;
}

std::string_view word(const std::string& text) {
    return text.empty() ? kEmpty : std::string_view(text);
}

Result<std::string> read_file(const std::filesystem::path& path) {
    const std::ifstream file(path);
    if (!file) return system_failure(path.string(), errno);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

bool contains(const std::vector<Step>& steps, const Step& step) {
    return std::any_of(steps.begin(), steps.end(),
                       [&](const Step& each) { return each.same_as(step); });
}

Result<Fd> take_lock(const std::filesystem::path& path) {
    Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock.valid()) return system_failure(path.string(), errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) return system_failure(path.string(), errno);
    return failure(Fault::Exists, "another isobar-agent runs in this network namespace");
}

}  // namespace

std::string_view name(StepKind kind) {
    switch (kind) {
        case StepKind::Sysctl:
            return "sysctl";
        case StepKind::MakeLink:
            return "link";
        case StepKind::RaiseLink:
            return "up";
        case StepKind::Clsact:
            return "clsact";
        case StepKind::Filters:
            return "filters";
        case StepKind::Address:
            return "address";
    }
    return "?";
}

std::string ledger_text(const std::vector<Step>& steps, std::string_view scope) {
    std::string text = fmt::format("{}\n{}\n", kTitle, scope);
    for (const Step& step : steps)
        text += fmt::format("{} {} {} {}\n", name(step.kind), step.on, word(step.value),
                            word(step.before));
    return text + fmt::format("end {}\n", steps.size());
}

Result<std::vector<Step>> parse_ledger(std::string_view text, std::string_view scope) {
    if (take_line(text) != kTitle) return failure(Fault::Invalid, "not written by isobar-agent");
    const auto where = take_line(text);
    if (!where) return failure(Fault::Invalid, "cut off after its first line");
    std::vector<Step> steps;
    while (const auto line = take_line(text)) {
        if (*line == fmt::format("end {}", steps.size()) && text.empty())
            return *where == scope ? std::move(steps) : std::vector<Step>{};
        auto step = parse_step(*line);
        if (!step) return failure(Fault::Invalid, fmt::format("a line that is no step: {}", *line));
        steps.push_back(std::move(*step));
    }
    return failure(Fault::Invalid, "cut off");
}

Result<std::string> namespace_cookie() {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    std::uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    if (!socket.valid() ||
        ::getsockopt(socket.get(), SOL_SOCKET, kNamespaceCookie, &cookie, &length) != 0)
        return system_failure("ask for the network namespace", errno);
    return fmt::format("{}", cookie);
}

Result<Ledger> Ledger::open(const std::filesystem::path& folder) {
    auto boot = read_file("/proc/sys/kernel/random/boot_id");
    if (!boot) return tl::unexpected(std::move(boot.error()));
    if (boot->ends_with('\n')) boot->pop_back();
    const auto cookie = namespace_cookie();
    if (!cookie) return tl::unexpected(cookie.error());

    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return system_failure(folder.string(), error.value());
    auto lock = take_lock(folder / (*cookie + ".lock"));
    if (!lock) return tl::unexpected(std::move(lock.error()));
    Ledger ledger(folder / *cookie, fmt::format("boot {} netns {}", *boot, *cookie),
                  *std::move(lock));
    if (!std::filesystem::exists(ledger.path_, error)) return ledger;
    const auto text = read_file(ledger.path_);
    if (!text) return tl::unexpected(text.error());
    auto steps = parse_ledger(*text, ledger.scope_);
    if (!steps) return tl::unexpected(std::move(steps.error()).in(ledger.path_.string()));
    ledger.steps_ = *std::move(steps);
    return ledger;
}

// Replaced as a whole: a crash leaves the old or the new one. Not synced: what the host has
// forgotten after a power failure need not be undone.
Result<void> Ledger::store() const {
    const std::string draft = path_.string() + ".new";
    (void)::unlink(draft.c_str());
    const Fd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.valid()) return system_failure(draft, errno);
    const std::string text = ledger_text(steps_, scope_);
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0) return system_failure(draft, errno);
    if (static_cast<std::size_t>(written) != text.size()) return system_failure(draft, ENOSPC);
    if (::rename(draft.c_str(), path_.c_str()) != 0) return system_failure(path_.string(), errno);
    return {};
}

Result<void> Ledger::ensure(Host& host, Step step) {
    if (!contains(asked_for_, step)) asked_for_.push_back(step);
    auto seen = host.look(step);
    if (!seen) return tl::unexpected(std::move(seen.error()));
    if (seen->done) return {};
    const std::vector<Step> known = steps_;
    if (!contains(steps_, step)) {
        step.before = std::move(seen->before);
        // What an earlier agent set is not what the operator had.
        std::erase_if(steps_, [&](const Step& earlier) {
            const bool replaced =
                step.kind == StepKind::Sysctl && earlier.kind == step.kind && earlier.on == step.on;
            if (replaced) step.before = earlier.before;
            return replaced;
        });
        steps_.push_back(step);
        if (auto stored = store(); !stored) return stored;
    }
    auto applied = host.apply(step);
    if (!applied) {
        steps_ = known;
        if (auto stored = store(); !stored) return stored;
    }
    return applied;
}

Result<void> Ledger::undo_others(Host& host) {
    std::vector<Step> others;
    std::copy_if(steps_.begin(), steps_.end(), std::back_inserter(others),
                 [&](const Step& step) { return !contains(asked_for_, step); });
    return others.empty() ? Result<void>{} : undo(host, others);
}

Result<void> Ledger::undo_all(Host& host) {
    asked_for_.clear();
    const std::vector<Step> all = steps_;
    if (auto undone = undo(host, all); !undone) return undone;
    if (::unlink(path_.c_str()) != 0 && errno != ENOENT)
        return system_failure(path_.string(), errno);
    return {};
}

Result<void> Ledger::undo(Host& host, const std::vector<Step>& which) {
    std::vector<Step> order = which;
    std::stable_sort(order.begin(), order.end(),
                     [](const Step& a, const Step& b) { return a.kind < b.kind; });
    std::vector<std::string> failures;
    for (auto step = order.rbegin(); step != order.rend(); ++step) {
        if (auto undone = host.undo(*step); !undone) {
            failures.push_back(undone.error().message);
            continue;
        }
        std::erase_if(steps_, [&](const Step& each) { return each.same_as(*step); });
    }
    if (auto stored = store(); !stored) failures.push_back(stored.error().message);
    if (!failures.empty())
        return failure(Fault::System, fmt::format("{}", fmt::join(failures, "; ")));
    return {};
}

}  // namespace isobar::agent
