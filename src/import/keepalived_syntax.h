// SPDX-License-Identifier: Apache-2.0
// The syntax of keepalived.conf: words, quotes and blocks; before that includes, definitions
// ($NAME), conditions (@id) and repetitions (~SEQ, ~LST). All of it is bounded.
#pragma once

#include <cstddef>
#include <vector>

#include "import/findings.h"
#include "import/import.h"
#include "import/node.h"

namespace isobar::importer {

std::vector<Node> parse_keepalived(std::size_t file, Findings& findings,
                                   const Surroundings& surroundings);

}  // namespace isobar::importer
