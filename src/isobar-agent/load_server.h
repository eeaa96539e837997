// SPDX-License-Identifier: Apache-2.0
// `isobar-agent load`: an agent of HAProxy's agent-check. Tells whoever connects how much this host
// wants to get, a line, until a signal ends it. Needs no root.
#pragma once

#include "base/result.h"
#include "isobar-agent/options.h"

namespace isobar::agent {

Result<void> serve_load(const LoadCommand& command);

}  // namespace isobar::agent
