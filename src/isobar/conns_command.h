// SPDX-License-Identifier: Apache-2.0
// isobar conns: the connections that are wanted, or who has most of them.
#pragma once

#include <string>
#include <string_view>

#include "api/connections.h"
#include "api/query.h"
#include "base/result.h"
#include "isobar/given.h"
#include "isobar/table.h"

namespace isobar::cli {

struct ConnsCommand : Asking {
    api::Query query;
};

extern const char kConnsUsage[];

Result<ConnsCommand> make_conns(const Given& given, std::string_view name, Words words);

// Returns the exit code.
int run(const ConnsCommand& command);

std::string connections_text(const api::ConnectionList& list, Colours colours);

}  // namespace isobar::cli
