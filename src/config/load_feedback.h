// SPDX-License-Identifier: Apache-2.0
// The table that says how weights follow the load of the servers.
#pragma once

#include "config/field.h"
#include "model/load.h"

namespace isobar::config {

// { from = "agent", port = 9999, ... }. Keys of other sources than its own are errors.
Kind<model::LoadConfig> load_feedback();

}  // namespace isobar::config
