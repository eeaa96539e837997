// SPDX-License-Identifier: Apache-2.0
// Makes a draft one that the loader of isobar.toml takes, or says why that cannot be.
#pragma once

#include "import/draft.h"
#include "import/findings.h"

namespace isobar::importer {

// Names become valid and unique; ports that are those of the service are left to it; what all
// servers have in common becomes the service's. What contradicts itself is an error.
void settle(Draft& draft, Findings& findings);

}  // namespace isobar::importer
