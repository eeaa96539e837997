// SPDX-License-Identifier: Apache-2.0
// Exit codes of isobar, the same for every command: scripts rely on them.
#pragma once

namespace isobar::cli {

enum ExitCode : int {
    kOk = 0,
    kFailed = 1,
    kUsage = 2,
    kPermission = 5,
    kUnreachable = 6,
    kTimeout = 7,
};

}  // namespace isobar::cli
