// SPDX-License-Identifier: Apache-2.0
// The one writer of isobar.toml: short values on their line, long ones as tables of their own,
// and beside each the place that it came from.
#pragma once

#include <string>
#include <string_view>

#include "import/draft.h"
#include "import/findings.h"

namespace isobar::importer {

std::string write_toml(const Draft& draft, const Findings& findings, std::string_view format_name);

}  // namespace isobar::importer
