// SPDX-License-Identifier: Apache-2.0
// A director reads what strangers send. What it does not need it gives up before that, for good,
// for itself and for all programs that it runs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace isobar::isobard {

// Those that isobard(8) lists, of which a process keeps what it has.
std::vector<std::string> needed_capabilities();  // "net_admin"

// Becomes that user, if one is named; keeps the capabilities above and no others; lets nobody
// regain any (no_new_privs); and has the kernel refuse system calls that no director makes:
// mounting, tracing, modules, the clock and the like (seccomp(2), EPERM). Fault::NotFound: there is
// no such user. Fault::Permission: not allowed to become it.
Result<void> give_up_privileges(const std::string& user);

}  // namespace isobar::isobard
