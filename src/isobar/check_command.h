// SPDX-License-Identifier: Apache-2.0
// isobar check: servers are checked at once, and not when it is their turn.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/health_view.h"
#include "api/routes.h"
#include "base/result.h"
#include "isobar/given.h"

namespace isobar::cli {

struct CheckCommand : Asking {
    api::CheckRequest request;
};

extern const char kCheckUsage[];

Result<CheckCommand> make_check(const Given& given, std::string_view name, Words words);

// Returns the exit code: kFailed also if a check was not good, or a server is not up.
int run(const CheckCommand& command);

bool all_up(const std::vector<api::HealthView>& servers);
std::string check_text(const std::vector<api::HealthView>& servers);

}  // namespace isobar::cli
