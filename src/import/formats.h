// SPDX-License-Identifier: Apache-2.0
// The readers of each format: from the text of `file` to a draft.
#pragma once

#include <cstddef>

#include "import/draft.h"
#include "import/findings.h"
#include "import/import.h"

namespace isobar::importer {

Draft read_lvs_cf(std::size_t file, Findings& findings, const Surroundings& surroundings);
Draft read_keepalived(std::size_t file, Findings& findings, const Surroundings& surroundings);
Draft read_ipvsadm_rules(std::size_t file, Findings& findings, const Surroundings& surroundings);
Draft read_ldirectord(std::size_t file, Findings& findings, const Surroundings& surroundings);

}  // namespace isobar::importer
