// SPDX-License-Identifier: Apache-2.0
// What ipvsadm can do and this version of Isobar cannot yet: it is refused in one sentence,
// never ignored. The list shrinks with each version.
#pragma once

#include <optional>
#include <string>

#include "ipvsadm/command.h"

namespace isobar::ipvsadm {

// "persistence (-p) comes with a later version of Isobar"
std::optional<std::string> find_later_feature(const Command& command);

}  // namespace isobar::ipvsadm
