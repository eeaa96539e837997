// SPDX-License-Identifier: Apache-2.0
// What others have changed in the data plane, where that is to stay. Pure.
#pragma once

#include <vector>

#include "model/change.h"
#include "model/service.h"

namespace isobar::control {

// `changes` without those that would undo `drift` (which are the changes that would), unless `news`
// speak of that service or server, too. A service that others have removed stays away with all its
// servers.
std::vector<model::Change> leave_alone(std::vector<model::Change> changes,
                                       const std::vector<model::Change>& drift,
                                       const std::vector<model::Change>& news);

// What is wanted now and was not before.
std::vector<model::Change> news(const model::Forwarding& before, const model::Forwarding& after);

}  // namespace isobar::control
