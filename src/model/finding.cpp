// SPDX-License-Identifier: Apache-2.0
#include "model/finding.h"

#include <fmt/format.h>

namespace isobar::model {

std::string Finding::line() const {
    return fmt::format("{}: {}; fix: {}", what, why, fix);
}

}  // namespace isobar::model
