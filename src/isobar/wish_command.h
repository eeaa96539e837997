// SPDX-License-Identifier: Apache-2.0
// isobar enable, disable, up, down, weight: what an operator wants of a server.
#pragma once

#include <string_view>

#include "api/routes.h"
#include "base/result.h"
#include "isobar/given.h"

namespace isobar::cli {

struct WishCommand : Asking {
    api::WishRequest request;
};

extern const char kWishUsage[];

Result<WishCommand> make_wish(const Given& given, std::string_view name, Words words);

// Prints what became of the server. Returns the exit code.
int post_wish(const Asking& asking, const api::WishRequest& request);
int run(const WishCommand& command);

}  // namespace isobar::cli
