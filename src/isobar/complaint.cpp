// SPDX-License-Identifier: Apache-2.0
#include "isobar/complaint.h"

#include <fmt/format.h>

#include <cstdio>

#include "api/routes.h"
#include "isobar/exit_code.h"

namespace isobar::cli {

int complain(const api::AskError& error) {
    fmt::print(stderr, "isobar: {}\n", error.message);
    using Kind = api::AskError::Kind;
    switch (error.kind) {
        case Kind::Unreachable:
            fmt::print(stderr,
                       "isobard does not run there. Start it: systemctl start isobard (or: "
                       "isobard -c /etc/isobar/isobar.toml)\n");
            return kUnreachable;
        case Kind::Permission:
            fmt::print(stderr, "Ask as root, or as a member of the socket's group.\n");
            return kPermission;
        case Kind::Timeout:
            return kTimeout;
        case Kind::Garbage:
            return kFailed;
    }
    return kFailed;
}

int complain(const api::Answer& answer) {
    fmt::print(stderr, "isobar: {}\n", api::problem_detail(answer.body));
    switch (answer.code) {
        case 400:
            return kUsage;
        case 404:
        case 409:
            return kNotFound;
        case 422:
            return kConfigInvalid;
        case 504:
            return kTimeout;
        default:
            return kFailed;
    }
}

}  // namespace isobar::cli
