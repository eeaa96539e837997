// SPDX-License-Identifier: Apache-2.0
// How checks go the way of clients: for each server that has such checks there is a service by a
// mark of its own, with this server alone, reached as its service reaches it. A check's socket has
// that mark. So a server is asked in this way also while it is out of its service, and its service
// does not count the checks. Pure, but for prepare_probe().
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/result.h"
#include "control/condition.h"
#include "health/subject.h"
#include "model/config.h"
#include "model/service.h"

namespace isobar::control {

// The marks of the servers that have such checks. One keeps its mark when others come and go, but
// for the rare two whose names have the same hash.
using ProbeMarks = std::map<ServerName, std::uint32_t>;
ProbeMarks probe_marks(const model::Config& config);

std::vector<model::VirtualService> probe_services(const model::Config& config);

// The virtual address that checks of a service are sent to.
model::Endpoint probed_address(const model::ServiceConfig& service);

// Makes a socket, not yet connected, go that way: its mark, and this host's own address, for a real
// server would take a packet from the virtual one for its own. Of other checks: does nothing.
Result<void> prepare_probe(int socket, const health::Subject& subject);

}  // namespace isobar::control
