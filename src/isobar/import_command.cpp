// SPDX-License-Identifier: Apache-2.0
#include "isobar/import_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <vector>

#include "config/suggest.h"
#include "import/load.h"
#include "isobar/exit_code.h"

namespace isobar::cli {

const char kImportUsage[] = R"(Usage: isobar import [--format FORMAT] FILE

Prints the configuration of another load balancer as an isobar.toml that does the same, with
comments that say where each part came from. What Isobar does not do is named on stderr, by line.
isobard takes such files as they are, too: isobard -c FILE.

      --format FORMAT
                   lvs.cf (Piranha), keepalived.conf, ldirectord.cf, ipvsadm (what ipvsadm -S
                   prints); default: by what stands in the file
  -h, --help       this text

  isobar import /etc/keepalived/keepalived.conf > /etc/isobar/isobar.toml
)";

Result<ImportCommand> make_import(const Given& given, std::string_view /*name*/, Words words) {
    ImportCommand command{words[0], {}};
    if (given.format.empty()) return command;
    command.format = importer::format_named(given.format);
    if (command.format) return command;
    std::vector<std::string> known;
    for (const importer::Format format : importer::kFormats) known.emplace_back(name(format));
    return failure(Fault::Invalid, fmt::format("unknown format '{}'; {}", given.format,
                                               config::suggestion(given.format, known)));
}

int run(const ImportCommand& command) {
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
