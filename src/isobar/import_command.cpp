// SPDX-License-Identifier: Apache-2.0
#include "isobar/import_command.h"

#include <fmt/format.h>

#include <cstdio>

#include "import/load.h"
#include "isobar/exit_code.h"

namespace isobar::cli {

int run_import(const ImportCommand& command) {
    const auto imported = importer::import_file(command.file, command.format);
    if (!imported) {
        fmt::print(stderr, "isobar: {}\n", imported.error().message);
        return imported.error().fault == Fault::NotFound ? kNotFound : kConfigInvalid;
    }
    for (const auto* found : {&imported->errors, &imported->notes})
        for (const config::Diagnostic& each : *found) fmt::print(stderr, "{}\n", each.text());
    if (!imported->errors.empty()) return kConfigInvalid;
    fmt::print("{}", imported->text);
    return kOk;
}

}  // namespace isobar::cli
