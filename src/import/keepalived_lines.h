// SPDX-License-Identifier: Apache-2.0
// The lines of a keepalived.conf as they are meant: files included, definitions replaced,
// conditions decided, repetitions written out.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "import/findings.h"
#include "import/import.h"

namespace isobar::importer {

struct ExpandedLine {
    std::string text;
    Place at;               // of the text, or of what was replaced by it
    bool replaced = false;  // columns mean nothing
};

void for_each_expanded_line(std::size_t file, Findings& findings, const Surroundings& surroundings,
                            const std::function<void(const ExpandedLine&)>& each);

}  // namespace isobar::importer
