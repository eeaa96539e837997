// SPDX-License-Identifier: Apache-2.0
// The tables that say how servers are checked.
#pragma once

#include <vector>

#include "config/field.h"
#include "model/check.h"

namespace isobar::config {

// { type = "http", path = "/", ... }. Keys of other types than its own are errors.
Kind<model::Check> health_check();

// One such table, or a list of them.
Kind<std::vector<model::Check>> health_checks();

}  // namespace isobar::config
