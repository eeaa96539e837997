// SPDX-License-Identifier: Apache-2.0
// Reads isobar.toml. All that is wrong with a file is reported at once; a file with any
// error gives no configuration, so that nothing is changed by half of one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "config/diagnostic.h"
#include "model/config.h"

namespace isobar::config {

struct Loaded {
    std::optional<model::Config> config;  // there exactly if errors is empty
    std::vector<Diagnostic> errors;       // in the order of the file
};

Loaded load_file(const std::string& path);
// A file's whole text; why it cannot be one that is loaded.
tl::expected<std::string, Diagnostic> read_file(const std::string& path);
// `file_name` is for the errors.
Loaded parse(std::string_view text, const std::string& file_name);

}  // namespace isobar::config
