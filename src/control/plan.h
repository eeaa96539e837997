// SPDX-License-Identifier: Apache-2.0
// From a configuration to the state of the data plane that it asks for. Pure: the same
// configuration gives the same answer, and nothing is read or changed. What must be done
// to get there is diff's business.
#pragma once

#include "model/config.h"
#include "model/service.h"

namespace isobar::control {

// Every listen address becomes a virtual service of its own with all servers of its
// [[service]]; a server without a port gets that of the listen address. Expects what the
// loader guarantees: no listen address twice, no server twice in a service.
model::Forwarding plan(const model::Config& config);

}  // namespace isobar::control
