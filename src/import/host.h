// SPDX-License-Identifier: Apache-2.0
// The surroundings of a file that stands on this host: its files, its names.
#pragma once

#include "import/import.h"

namespace isobar::importer {

// Looks names up by whatever nsswitch.conf says, which may take its time.
Surroundings surroundings_of_host();

}  // namespace isobar::importer
