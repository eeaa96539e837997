// SPDX-License-Identifier: Apache-2.0
// The version that our programs report. CMakeLists.txt's project() says the same.
#pragma once

#include <string_view>

namespace isobar::api {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace isobar::api
