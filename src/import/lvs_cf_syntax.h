// SPDX-License-Identifier: Apache-2.0
// The syntax of Piranha's lvs.cf: `key = value` lines, and `kind NAME {` ... `}` blocks.
#pragma once

#include <cstddef>
#include <vector>

#include "import/findings.h"
#include "import/node.h"

namespace isobar::importer {

std::vector<Node> parse_lvs_cf(std::size_t file, Findings& findings);

}  // namespace isobar::importer
