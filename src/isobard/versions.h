// SPDX-License-Identifier: Apache-2.0
// Which configuration holds: the operator's file, or what was applied by hand since. The last word
// counts: a version that was applied holds over restarts, until the file is changed or isobard is
// told to read it (SIGHUP). A version that must be confirmed, and is not, goes; so it does if
// isobard ends meanwhile.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/config_desk.h"
#include "base/result.h"
#include "control/event_log.h"
#include "control/history.h"
#include "isobard/director.h"

namespace isobar::isobard {

// What isobard begins with.
struct Beginning {
    model::Config config;
    std::string text;                         // as an isobar.toml
    std::optional<control::Version> version;  // that begins with it; none: the last one goes on
};

// `file` is what the file at `path` says, `file_text` its text.
Beginning begin_with(const control::History& history, const model::Config& file,
                     const std::string& file_text, const std::filesystem::path& path);

class Versions {
public:
    // The director runs what `beginning` says; `file_text` is what the file at `path` says.
    Versions(Director& director, control::History history, std::filesystem::path path,
             std::string file_text, Beginning beginning);

    // Reads the file again and applies it. A bad file changes nothing.
    void reload();
    // Ends what was not confirmed in time. To be called several times a second.
    void tend();

    // Fault::Invalid: the text is no configuration (all that is wrong with it, a line each).
    // Fault::Exists: another version is to be confirmed first, or has come meanwhile.
    Result<api::PlanView> plan(const api::ConfigRequest& request);
    Result<api::AppliedView> apply(const api::ConfigRequest& request);
    Result<api::AppliedView> roll_back(const api::RollbackRequest& request);
    Result<api::AppliedView> confirm();
    [[nodiscard]] std::vector<api::VersionView> list() const;
    // 0: the one that runs.
    [[nodiscard]] Result<api::VersionView> version(std::uint32_t number) const;

    // What there is to say of the configuration.
    void fill(api::ConfigStatus& status) const;

private:
    Result<api::AppliedView> hold(const model::Config& config, std::string text,
                                  control::Version version,
                                  std::optional<std::chrono::seconds> confirm);
    // Of what holds already.
    void record(control::Version version, const std::string& text);
    void remember_file(const std::string& text);
    void trouble(const std::string& message);
    void note(void (*say)(std::string_view), control::Event::Kind kind, std::string text);
    [[nodiscard]] api::AppliedView view() const;

    Director& director_;
    control::History history_;
    std::filesystem::path path_;
    std::string text_;  // that runs
    // When the last version goes, if it is to be confirmed: by the clock that never jumps, and for
    // people.
    struct Deadline {
        std::chrono::steady_clock::time_point due;
        std::chrono::sys_seconds at;
    };
    std::optional<Deadline> deadline_;
    std::vector<std::string> troubles_;  // of the last attempt
};

}  // namespace isobar::isobard
