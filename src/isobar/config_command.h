// SPDX-License-Identifier: Apache-2.0
// isobar plan, apply, confirm, rollback, history, diff: the configuration as versions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/config_desk.h"
#include "base/result.h"
#include "isobar/given.h"

namespace isobar::cli {

// A version, or a file.
struct ConfigName {
    std::optional<std::uint32_t> version;  // 0: the one that runs
    std::string file;                      // empty: the one that isobard reads
};

struct PlanCommand : Asking {
    ConfigName config;
};

struct ApplyCommand : Asking {
    ConfigName config;
    std::string why;
    std::optional<std::chrono::seconds> confirm;
    bool dry_run = false;
    bool yes = false;  // nobody is asked
};

struct ConfirmCommand : Asking {};

struct RollbackCommand : Asking {
    api::RollbackRequest request;
    bool dry_run = false;
    bool yes = false;
};

struct HistoryCommand : Asking {
    std::optional<std::uint32_t> version;  // its text; none: the list
};

struct DiffCommand : Asking {
    ConfigName from, to;
};

extern const char kPlanUsage[];
extern const char kApplyUsage[];
extern const char kConfirmUsage[];
extern const char kRollbackUsage[];
extern const char kHistoryUsage[];
extern const char kDiffUsage[];

Result<PlanCommand> make_plan(const Given& given, std::string_view name, Words words);
Result<ApplyCommand> make_apply(const Given& given, std::string_view name, Words words);
Result<ConfirmCommand> make_confirm(const Given& given, std::string_view name, Words words);
Result<RollbackCommand> make_rollback(const Given& given, std::string_view name, Words words);
Result<HistoryCommand> make_history(const Given& given, std::string_view name, Words words);
Result<DiffCommand> make_diff(const Given& given, std::string_view name, Words words);

// Exit codes: kConfigInvalid for a text that is no configuration, kNotFound for a version that
// there is not.
int run(const PlanCommand& command);
int run(const ApplyCommand& command);
int run(const ConfirmCommand& command);
int run(const RollbackCommand& command);
int run(const HistoryCommand& command);
int run(const DiffCommand& command);

}  // namespace isobar::cli
