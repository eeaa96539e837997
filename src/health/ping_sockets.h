// SPDX-License-Identifier: Apache-2.0
// One socket for each family, shared by all pings.
#pragma once

#include "health/task.h"

namespace isobar::health {

class PingSockets {
public:
    explicit PingSockets(boost::asio::io_context& /*loop*/) {}
};

}  // namespace isobar::health
