// SPDX-License-Identifier: Apache-2.0
// The configuration over the API: what a change would do, making it, going back. Values, and their
// JSON; no socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/differences.h"
#include "control/effects.h"
#include "control/history.h"

namespace isobar::api {

// How long a change may wait to be confirmed.
inline constexpr std::chrono::seconds kLongestConfirm = std::chrono::hours(24);

struct ConfigRequest {
    std::string text;  // of an isobar.toml
    std::string from;  // what people know it by: the path of a file
    std::string why{}, by{};
    std::optional<std::uint32_t> if_version{};      // not if another one runs
    std::optional<std::chrono::seconds> confirm{};  // or else it goes after this
};

struct RollbackRequest {
    std::optional<std::uint32_t> version;  // none: the one before
    std::string why, by;
};

struct PlanView {
    std::uint32_t version = 0;  // that runs
    std::vector<config::Difference> differences;
    std::vector<control::Effect> effects;

    [[nodiscard]] std::uint64_t ends() const;  // open connections, in all
};

struct AppliedView {
    std::uint32_t version = 0;         // that runs now; 0: none is known
    std::vector<std::string> changes;  // of the data plane
    std::optional<std::chrono::sys_seconds> goes_back_at{};
};

struct VersionView {
    control::Version version;
    bool runs = false;
    bool unconfirmed = false;
    std::string text{};  // where it was asked for
};

// JSON of them all, and back. {"text":...,"from":...,"why":...,"if_version":N,"confirm":SECONDS}
std::string request_json(const ConfigRequest& request);
std::string request_json(const RollbackRequest& request);
Result<ConfigRequest> parse_config_request(std::string_view json);
Result<RollbackRequest> parse_rollback_request(std::string_view json);
std::string differences_json(const std::vector<config::Difference>& differences);
std::string plan_json(const PlanView& plan);
Result<PlanView> parse_plan(std::string_view json);
std::string applied_json(const AppliedView& applied);
Result<AppliedView> parse_applied(std::string_view json);
std::string versions_json(const std::vector<VersionView>& versions);
Result<std::vector<VersionView>> parse_versions(std::string_view json);
std::string version_json(const VersionView& version);
Result<VersionView> parse_version(std::string_view json);

// What the director does with its configuration. Fault::Invalid: the text is none; Fault::Exists:
// not now; Fault::Full: no room on the disk.
struct ConfigDesk {
    std::function<Result<PlanView>(const ConfigRequest&)> plan{};
    std::function<Result<AppliedView>(const ConfigRequest&)> apply{};
    std::function<Result<AppliedView>(const RollbackRequest&)> roll_back{};
    std::function<Result<AppliedView>()> confirm{};
    std::function<std::vector<VersionView>()> list{};
    std::function<Result<VersionView>(std::uint32_t)> version{};  // 0: that runs
};

}  // namespace isobar::api
