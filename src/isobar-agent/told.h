// SPDX-License-Identifier: Apache-2.0
// What directors say, as work for the agent and as questions of its check. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/check.h"
#include "agent/settings.h"
#include "api/real_server.h"
#include "base/result.h"

namespace isobar::agent {

// The VIPs and tunnels that were given by hand, and those that directors name: of direct routing
// and tunnels, for with the other methods a VIP is the director's alone. Fault::Invalid if that
// cannot be done together.
Result<Settings> with_told(Settings by_hand, const std::vector<api::RealServer>& told);

// What to go by when a director says `now` and said `before`: a VIP that is missing for the first
// time still counts. While services are restored (isobar-ipvsadm -C, then -R) they are gone for a
// moment.
api::RealServer settled(const api::RealServer& before, api::RealServer now);

// One for each method by which packets come here; `gateway` is for VS/NAT, `agent` the command that
// would do all that is missing. A VIP that has to be here for one service may be here for another.
std::vector<Question> questions_of(const std::vector<api::RealServer>& told,
                                   const std::optional<model::Address>& gateway,
                                   const std::string& agent);

}  // namespace isobar::agent
