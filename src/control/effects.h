// SPDX-License-Identifier: Apache-2.0
// What changes of the data plane do to the connections that are open. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/change.h"
#include "model/service.h"

namespace isobar::control {

struct Effect {
    std::string change;         // "TCP 10.0.0.2:80: server 192.168.10.101:80 removed"
    std::uint64_t ends = 0;     // open connections that lose their server
    std::uint64_t goes_on = 0;  // those that go on where there will be no new ones
    bool operator==(const Effect&) const = default;
};

// In the order of `changes`, which lead away from `running`. A connection goes on as it began:
// scheduler, persistence and the way to a server are those of new ones.
std::vector<Effect> effects(const std::vector<model::Change>& changes,
                            const std::vector<model::ServiceStatus>& running);

}  // namespace isobar::control
