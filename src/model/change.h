// SPDX-License-Identifier: Apache-2.0
// One change of the data plane, and the changes that lead from what is to what should be.
#pragma once

#include <variant>
#include <vector>

#include "model/service.h"

namespace isobar::model {

using Change =
    std::variant<AddService, EditService, RemoveService, AddServer, EditServer, RemoveServer>;

}  // namespace isobar::model
