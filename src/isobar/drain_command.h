// SPDX-License-Identifier: Apache-2.0
// isobar drain: a server gets no new connections, and perhaps a time for those that it has.
#pragma once

#include <string_view>

#include "api/routes.h"
#include "base/result.h"
#include "isobar/given.h"

namespace isobar::cli {

struct DrainCommand : Asking {
    api::WishRequest request;
    bool wait = false;  // until it has no connections
};

extern const char kDrainUsage[];

Result<DrainCommand> make_drain(const Given& given, std::string_view name, Words words);

// With `wait`, kTimeout if connections are left when the time is up.
int run(const DrainCommand& command);

}  // namespace isobar::cli
