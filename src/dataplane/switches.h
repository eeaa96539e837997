// SPDX-License-Identifier: Apache-2.0
// The switches in the settings of the data plane.
#pragma once

#include "abi/abi.h"
#include "model/switches.h"

namespace isobar::dataplane {

// In force at once; what depends on how full the table is, as it is known so far.
void write_switches(isobar_settings& settings, const model::Switches& switches);
model::Switches read_switches(const isobar_settings& settings);

}  // namespace isobar::dataplane
