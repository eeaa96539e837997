// SPDX-License-Identifier: Apache-2.0
// What the record of a real server in isobar_servers says. Packets read it meanwhile: each field
// is one store, in an order in which the record is right at any moment.
#pragma once

#include <cstdint>

#include "abi/abi.h"
#include "base/result.h"
#include "model/service.h"

namespace isobar::dataplane {

// A record that nobody uses yet becomes that of the address, in the service of this index.
void begin_record(isobar_server& record, const model::Endpoint& address,
                  const model::ServiceKey& key, std::uint32_t service);

// The service that the server is or was of.
model::ServiceKey service_of(const isobar_server& record);

// Weight, thresholds, method and way. The server is available afterwards.
Result<void> describe_server(isobar_server& record, const model::RealServer& server);

// What depends on the addresses and routes of this host. The server is available afterwards.
Result<void> find_way(isobar_server& record);

}  // namespace isobar::dataplane
