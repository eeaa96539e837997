// SPDX-License-Identifier: Apache-2.0
// isobar top: servers at work, live, or who has most connections.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "api/connections.h"
#include "api/status.h"
#include "base/result.h"
#include "isobar/facts.h"
#include "isobar/given.h"
#include "isobar/table.h"

namespace isobar::cli {

struct TopCommand : Asking {
    SortBy by = SortBy::Active;
};

extern const char kTopUsage[];

Result<TopCommand> make_top(const Given& given, std::string_view name, Words words);

// Until somebody types q, if stdout is a terminal; else once. Returns the exit code.
int run(const TopCommand& command);

// What stands on the screen.
std::string top_text(const api::Status& status, SortBy by, std::size_t width, Colours colours);

}  // namespace isobar::cli
