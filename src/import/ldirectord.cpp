// SPDX-License-Identifier: Apache-2.0
#include "import/formats.h"

namespace isobar::importer {

Draft read_ldirectord(std::size_t, Findings& findings, const Surroundings&) {
    findings.error({}, "ldirectord.cf is not read yet");
    return {};
}

}  // namespace isobar::importer
