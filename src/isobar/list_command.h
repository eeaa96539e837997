// SPDX-License-Identifier: Apache-2.0
// isobar services, isobar servers: a line each, for a look at many and for scripts.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "isobar/facts.h"
#include "isobar/given.h"

namespace isobar::cli {

struct ListCommand : Asking {
    bool servers = false;  // or services
    std::string service;   // whose servers; empty: all
    SortBy by = SortBy::None;
};

extern const char kListUsage[];

Result<ListCommand> make_list(const Given& given, std::string_view name, Words words);

// Returns the exit code.
int run(const ListCommand& command);

}  // namespace isobar::cli
