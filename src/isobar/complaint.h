// SPDX-License-Identifier: Apache-2.0
// What is said on stderr when isobard did not do what was asked, and the exit code.
#pragma once

#include "api/client.h"

namespace isobar::cli {

int complain(const api::AskError& error);
// Of an answer that is no 200.
int complain(const api::Answer& answer);

}  // namespace isobar::cli
