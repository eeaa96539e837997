// SPDX-License-Identifier: Apache-2.0
#include "isobard/versions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "config/differences.h"
#include "config/load.h"
#include "import/load.h"

namespace isobar::isobard {
namespace {

using Kind = control::Event::Kind;

// If going back does not succeed it is tried again.
constexpr std::chrono::seconds kPause{1};

std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

control::Version new_version(std::string by, std::string why, std::string from) {
    return {0, now(), std::move(by), std::move(why), std::move(from)};
}

Result<model::Config> parsed(const std::string& text, const std::string& name) {
    auto loaded = config::parse(text, name);
    if (loaded.config) return *std::move(loaded.config);
    std::vector<std::string> lines;
    for (const config::Diagnostic& error : loaded.errors) lines.push_back(error.text());
    return failure(Fault::Invalid, fmt::format("{}", fmt::join(lines, "\n")));
}

// A version of the history as what isobard begins with; nothing if it cannot be.
std::optional<Beginning> from_history(const control::History& history,
                                      const control::Version& version) {
    const auto text = history.text(version.number);
    const std::string name = fmt::format("version {}", version.number);
    auto config = text ? parsed(*text, name) : tl::unexpected(text.error());
    if (config) return Beginning{*std::move(config), *text, {}};
    log::warning(fmt::format("{}: not used: {}", name, config.error().message));
    return std::nullopt;
}

}  // namespace

Beginning begin_with(const control::History& history, const model::Config& file,
                     const std::string& file_text, const std::filesystem::path& path) {
    const control::Version* last = history.last();
    const bool unchanged = history.file_text() == file_text;
    std::optional<Beginning> beginning;
    if (unchanged && history.unconfirmed() && history.before_last() != nullptr) {
        const control::Version& before = *history.before_last();
        const std::string why =
            fmt::format("version {} was not confirmed when isobard ended", last->number);
        beginning = from_history(history, before);
        if (beginning) {
            beginning->version =
                new_version("isobard", why, fmt::format("version {}", before.number));
            log::notice(fmt::format("{}: version {} holds again", why, before.number));
        }
    } else if (unchanged && !history.unconfirmed() && last != nullptr) {
        beginning = from_history(history, *last);
        if (beginning && beginning->text != file_text)
            log::notice(
                fmt::format("version {} of the configuration, from {}, holds: {} has not "
                            "been changed since",
                            last->number, last->from, path.string()));
    }
    if (beginning) return *std::move(beginning);
    Beginning fresh{file, file_text, {}};
    const bool known = last != nullptr && !history.unconfirmed() &&
                       history.text(last->number).value_or("") == file_text;
    if (!known) fresh.version = new_version("isobard", "start", path.string());
    return fresh;
}

Versions::Versions(Director& director, control::History history, std::filesystem::path path,
                   std::string file_text, Beginning beginning)
    : director_(director),
      history_(std::move(history)),
      path_(std::move(path)),
      text_(std::move(beginning.text)) {
    if (beginning.version) record(*std::move(beginning.version), text_);
    note(log::info, Kind::Applied,
         history_.last() == nullptr
             ? path_.string() + ": applied"
             : fmt::format("version {} of the configuration, from {}: applied",
                           history_.last()->number, history_.last()->from));
    remember_file(file_text);
}

void Versions::note(void (*say)(std::string_view), Kind kind, std::string text) {
    director_.events().note(say,
                            {.kind = kind, .service = "", .server = "", .text = std::move(text)});
}

void Versions::trouble(const std::string& message) {
    log::warning(message);
    troubles_.push_back(message);
}

void Versions::remember_file(const std::string& text) {
    if (auto done = history_.remember_file(text); !done)
        trouble(done.error().message + ": after a restart, the file counts");
}

void Versions::record(control::Version version, const std::string& text) {
    auto done = history_.add(std::move(version), text);
    if (done) done = history_.confirm();
    if (!done) trouble(done.error().message + ": this version is in no history");
}

api::AppliedView Versions::view() const {
    api::AppliedView view;
    if (history_.last() != nullptr) view.version = history_.last()->number;
    if (deadline_) view.goes_back_at = deadline_->at;
    return view;
}

Result<api::AppliedView> Versions::hold(const model::Config& config, std::string text,
                                        control::Version version,
                                        std::optional<std::chrono::seconds> confirm) {
    const bool is_new = text != text_ || deadline_;
    // What is not remembered must not hold: it would be gone with the next start.
    if (is_new)
        if (auto added = history_.add(std::move(version), text); !added)
            return tl::unexpected(std::move(added.error()));
    const auto changes = director_.set_config(config);
    if (!changes) {
        if (is_new)
            if (auto dropped = history_.drop_last(deadline_.has_value()); !dropped)
                trouble(dropped.error().message);
        return tl::unexpected(changes.error());
    }
    text_ = std::move(text);
    troubles_.clear();
    deadline_.reset();
    if (is_new && confirm) {
        deadline_ = {std::chrono::steady_clock::now() + *confirm, now() + *confirm};
    } else if (is_new) {
        if (auto kept = history_.confirm(); !kept) trouble(kept.error().message);
    }
    api::AppliedView done = view();
    done.changes = *changes;
    return done;
}

Result<api::PlanView> Versions::plan(const api::ConfigRequest& request) {
    const auto config = parsed(request.text, request.from);
    if (!config) return tl::unexpected(config.error());
    auto effects = director_.outlook(*config);
    if (!effects) return tl::unexpected(std::move(effects.error()));
    api::PlanView plan;
    plan.version = view().version;
    plan.differences = config::differences(text_, request.text);
    plan.effects = *std::move(effects);
    return plan;
}

Result<api::AppliedView> Versions::apply(const api::ConfigRequest& request) {
    const auto config = parsed(request.text, request.from);
    if (!config) return tl::unexpected(config.error());
    const auto running = view().version;
    if (deadline_)
        return failure(Fault::Exists, fmt::format("version {} waits to be confirmed: 'isobar "
                                                  "confirm', or 'isobar rollback', first",
                                                  running));
    if (request.if_version && *request.if_version != running)
        return failure(Fault::Exists,
                       fmt::format("version {} has come meanwhile: plan again", running));
    auto done = hold(*config, request.text, new_version(request.by, request.why, request.from),
                     request.confirm);
    if (!done) return done;
    if (request.from == path_.string()) remember_file(text_);
    note(log::notice, Kind::Applied,
         fmt::format("version {} of the configuration, from {}: applied by {}, {} change(s){}{}",
                     done->version, request.from, request.by, done->changes.size(),
                     request.why.empty() ? "" : ", ", request.why));
    return done;
}

Result<api::AppliedView> Versions::roll_back(const api::RollbackRequest& request) {
    const control::Version* before = history_.before_last();
    if (!request.version && before == nullptr)
        return failure(Fault::NotFound, "there is no version before this one");
    const std::uint32_t number = request.version ? *request.version : before->number;
    auto text = history_.text(number);
    if (!text) return tl::unexpected(std::move(text.error()));
    const std::string from = fmt::format("version {}", number);
    const auto config = parsed(*text, from);
    if (!config) return tl::unexpected(config.error());
    auto done = hold(*config, *std::move(text), new_version(request.by, request.why, from), {});
    if (!done) return done;
    note(log::notice, Kind::Applied,
         fmt::format("version {} of the configuration, as version {}: applied by {}{}{}",
                     done->version, number, request.by, request.why.empty() ? "" : ", ",
                     request.why));
    return done;
}

Result<api::AppliedView> Versions::confirm() {
    if (!deadline_) return failure(Fault::NotFound, "no version waits to be confirmed");
    if (auto kept = history_.confirm(); !kept) return tl::unexpected(std::move(kept.error()));
    deadline_.reset();
    note(log::notice, Kind::Applied,
         fmt::format("version {} of the configuration is confirmed", view().version));
    return view();
}

void Versions::tend() {
    if (!deadline_ || std::chrono::steady_clock::now() < deadline_->due) return;
    const auto done = roll_back(
        {{}, fmt::format("version {} was not confirmed in time", view().version), "isobard"});
    if (done) return;
    log::error(fmt::format("cannot go back: {}", done.error().message));
    if (deadline_) deadline_->due += kPause;
}

void Versions::reload() {
    const importer::LoadedFile loaded = importer::load_any(path_.string());
    troubles_.clear();
    if (!loaded.config) {
        note(log::error, Kind::Refused,
             fmt::format("{}: {} error(s); not applied, the running configuration stays",
                         path_.string(), loaded.errors.size()));
        for (const config::Diagnostic& error : loaded.errors) {
            log::notice(error.text());
            troubles_.push_back(error.text());
        }
        return;
    }
    for (const config::Diagnostic& note : loaded.notes) log::notice(note.text());
    const auto changes = director_.set_config(*loaded.config);
    if (!changes) {
        note(log::error, Kind::Refused,
             fmt::format("{}: not applied, the running configuration stays: {}", path_.string(),
                         changes.error().message));
        troubles_.push_back(changes.error().message);
        return;
    }
    if (loaded.text != text_ || deadline_)
        record(new_version("isobard", "SIGHUP", path_.string()), loaded.text);
    text_ = loaded.text;
    deadline_.reset();
    remember_file(text_);
    note(log::info, Kind::Applied,
         fmt::format("{}: applied, {} change(s)", path_.string(), changes->size()));
}

std::vector<api::VersionView> Versions::list() const {
    std::vector<api::VersionView> views;
    for (const control::Version& version : history_.versions())
        views.push_back({version, false, false, {}});
    if (views.empty()) return views;
    views.back().runs = true;
    views.back().unconfirmed = deadline_.has_value();
    return views;
}

Result<api::VersionView> Versions::version(std::uint32_t number) const {
    const auto views = list();
    if (number == 0) {
        api::VersionView running = views.empty() ? api::VersionView{} : views.back();
        running.text = text_;
        return running;
    }
    auto text = history_.text(number);
    if (!text) return tl::unexpected(std::move(text.error()));
    const auto found =
        std::ranges::find(views, number, [](const auto& each) { return each.version.number; });
    api::VersionView view = *found;
    view.text = *std::move(text);
    return view;
}

void Versions::fill(api::ConfigStatus& status) const {
    status.file = path_.string();
    status.version = view().version;
    status.goes_back_at = view().goes_back_at;
    status.errors.insert(status.errors.begin(), troubles_.begin(), troubles_.end());
}

}  // namespace isobar::isobard
