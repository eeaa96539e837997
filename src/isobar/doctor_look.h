// SPDX-License-Identifier: Apache-2.0
// The facts that isobar doctor goes by, gathered on the director: from isobard and its agents, from
// the data plane and the kernel, and by asking the neighbours. Needs root.
#pragma once

#include "base/result.h"
#include "isobar/doctor.h"
#include "isobar/given.h"

namespace isobar::cli {

Result<DoctorFacts> look_at_director(const Asking& asking);

}  // namespace isobar::cli
