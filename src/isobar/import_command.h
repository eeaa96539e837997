// SPDX-License-Identifier: Apache-2.0
// isobar import: another load balancer's configuration on stdout, what is to be said of it on
// stderr.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "import/import.h"
#include "isobar/given.h"

namespace isobar::cli {

struct ImportCommand {
    std::string file;
    std::optional<importer::Format> format;  // none: found out
};

extern const char kImportUsage[];

Result<ImportCommand> make_import(const Given& given, std::string_view name, Words words);

// Returns the exit code.
int run(const ImportCommand& command);

}  // namespace isobar::cli
