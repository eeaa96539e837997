// SPDX-License-Identifier: Apache-2.0
// isobar trace: packets as the data plane of this host sees them, and what it does with each.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "isobar/given.h"
#include "model/trace.h"

namespace isobar::cli {

struct TraceCommand : Asking {
    model::TraceWish wish;
    std::string service;    // by its name, which isobard knows; or its address
    std::size_t count = 0;  // so many packets; 0: without end
    std::string file;       // pcapng; empty: stdout is for people, or has JSON
};

extern const char kTraceUsage[];

Result<TraceCommand> make_trace(const Given& given, std::string_view name, Words words);

// Returns the exit code.
int run(const TraceCommand& command);

}  // namespace isobar::cli
