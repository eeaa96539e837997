// SPDX-License-Identifier: Apache-2.0
// What the author of a line that is not TOML probably meant.
#pragma once

#include <string>
#include <string_view>

namespace isobar::config {

// `message` is the parser's complaint about `line`. Empty if there is nothing to suggest.
std::string syntax_hint(std::string_view line, std::string_view message);

}  // namespace isobar::config
