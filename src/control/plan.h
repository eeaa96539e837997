// SPDX-License-Identifier: Apache-2.0
// From a configuration to the state of the data plane that it asks for. Pure: the same
// configuration gives the same answer, and nothing is read or changed. What must be done
// to get there is diff's business.
#pragma once

#include "model/config.h"
#include "model/service.h"

namespace isobar::control {

// Every [[service]] becomes a virtual service; a server without a port gets that of the listen
// address. One with several listen addresses is a service by mark, and `groups` says which packets
// have it. Expects what the loader guarantees: no listen address twice, no server twice in a
// service.
model::Forwarding plan(const model::Config& config);

}  // namespace isobar::control
