// SPDX-License-Identifier: Apache-2.0
// The keys of a map that has isobar_service_key for one.
#pragma once

#include <vector>

#include "abi/abi.h"

namespace isobar::dataplane {

std::vector<isobar_service_key> service_keys_in(int map);

}  // namespace isobar::dataplane
