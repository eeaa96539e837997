// SPDX-License-Identifier: Apache-2.0
// What the data plane would do with a packet (bpf/balance.h, bpf/schedule.h): its own code,
// compiled for user space, is asked over a copy of the service's set and servers, and over the
// living table of connections, which is only read. So no cursor moves, and nobody gets a record.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "dataplane/maps.h"
#include "dataplane/tables.h"
#include "model/decision.h"

namespace isobar::dataplane {

// `now` in jiffies. The caller holds the namespace's lock.
Result<model::Decision> decide(const Maps& maps, const Tables::Services& services,
                               const model::Question& question, std::uint32_t now);

}  // namespace isobar::dataplane
