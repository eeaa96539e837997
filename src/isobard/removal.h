// SPDX-License-Identifier: Apache-2.0
// isobard --remove: takes away all that isobard and isobar-ipvsadm made in this network
// namespace.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace isobar::isobard {

// Data plane, sysctls, masquerade, the record of services. Says what was there. Refuses
// (Fault::Exists) while an isobard lives at `socket`. What fails does not keep the rest
// from being removed; all failures are in the error.
Result<std::string> remove_all(const std::filesystem::path& socket,
                               const std::filesystem::path& state_dir);

}  // namespace isobar::isobard
