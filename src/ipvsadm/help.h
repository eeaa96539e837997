// SPDX-License-Identifier: Apache-2.0
// What -v and -h print.
#pragma once

#include <string_view>

namespace isobar::ipvsadm {

std::string_view version_text();
std::string_view help_text();

}  // namespace isobar::ipvsadm
