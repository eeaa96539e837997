// SPDX-License-Identifier: Apache-2.0
// Kernel switches below net.* of this namespace, with the values found before the first
// change kept in the isobar_saved map, so that whoever removes the data plane can put
// them back.
#pragma once

#include <string>

#include "base/result.h"

namespace isobar::dataplane {

// `name` as sysctl writes it, or with slashes ("net/ipv4/conf/eth0.5/rp_filter").
Result<void> set_sysctl(int saved_map, const std::string& name, const std::string& value);
// Puts all back; a switch that has gone (its interface was removed) is skipped.
Result<void> restore_sysctls(int saved_map);

}  // namespace isobar::dataplane
