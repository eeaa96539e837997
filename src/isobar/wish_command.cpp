// SPDX-License-Identifier: Apache-2.0
#include "isobar/wish_command.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "api/client.h"
#include "api/status.h"
#include "base/printable.h"
#include "isobar/complaint.h"
#include "isobar/exit_code.h"

namespace isobar::cli {
namespace {

constexpr std::chrono::seconds kPatience{5};

}  // namespace

int run_wish(const WishCommand& command) {
    const auto answer =
        api::post(command.socket, "/api/v1/wishes", api::wish_json(command.request), kPatience);
    if (!answer) return complain(answer.error());
    if (answer->code != 200) return complain(*answer);
    if (command.json) {
        fmt::print("{}\n", answer->body);
        return kOk;
    }
    const auto standing = api::parse_standing(answer->body);
    if (!standing) {
        fmt::print(stderr, "isobar: {}\n", standing.error().message);
        return kFailed;
    }
    const auto& address = standing->address;
    fmt::print("{} {}: {}\n", printable(command.request.service),
               address.port == 0 ? address.address.text() : address.text(),
               printable(api::text(*standing)));
    return kOk;
}

}  // namespace isobar::cli
