// SPDX-License-Identifier: Apache-2.0
// Small files that isobard remembers things in over a restart.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace isobar::control {

// The whole file. Fault::NotFound if there is none, Fault::Invalid if it has more than `most`
// bytes.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t most);

// Replaces the file as a whole (mode 0600): a crash leaves the old or the new one. Makes the folder
// if need be.
Result<void> replace_file(const std::filesystem::path& path, std::string_view text);

}  // namespace isobar::control
