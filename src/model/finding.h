// SPDX-License-Identifier: Apache-2.0
// Something that is wrong on a host.
#pragma once

#include <string>

namespace isobar::model {

struct Finding {
    std::string what;
    std::string why;
    std::string fix;                         // a command, there
    [[nodiscard]] std::string line() const;  // "what: why; fix: command"
    bool operator==(const Finding&) const = default;
};

}  // namespace isobar::model
