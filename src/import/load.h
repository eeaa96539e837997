// SPDX-License-Identifier: Apache-2.0
// Loads a configuration file of whatever kind: isobar.toml as it is, others by way of the
// importers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/load.h"
#include "import/import.h"

namespace isobar::importer {

struct LoadedFile {
    std::optional<model::Config> config;  // there exactly if errors is empty
    std::vector<config::Diagnostic> errors;
    std::vector<config::Diagnostic> notes;  // what of a foreign file is not honoured
    std::optional<Format> format;           // of a foreign file
    std::string text{};                     // of the isobar.toml that it is, or is the same as
};

// A foreign file is known by what stands in it, and by no name.
LoadedFile load_any(const std::string& path);

// The file as the text of an isobar.toml; `format` if it is not to be found out. An error
// (Fault::NotFound, Invalid, ...) if it cannot be read or is an isobar.toml already.
Result<Imported> import_file(const std::string& path, std::optional<Format> format);

}  // namespace isobar::importer
