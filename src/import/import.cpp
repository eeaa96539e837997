// SPDX-License-Identifier: Apache-2.0
#include "import/import.h"

#include <fmt/format.h>

#include "config/source.h"
#include "import/findings.h"
#include "import/formats.h"
#include "import/settle.h"
#include "import/toml.h"

namespace isobar::importer {
namespace {

Draft read(Format format, std::size_t file, Findings& findings, const Surroundings& surroundings) {
    switch (format) {
        case Format::LvsCf:
            return read_lvs_cf(file, findings, surroundings);
        case Format::Keepalived:
            return read_keepalived(file, findings, surroundings);
        case Format::IpvsadmRules:
            return read_ipvsadm_rules(file, findings, surroundings);
        case Format::Ldirectord:
            return read_ldirectord(file, findings, surroundings);
    }
    return {};
}

}  // namespace

std::string_view name(Format format) {
    switch (format) {
        case Format::LvsCf:
            return "lvs.cf";
        case Format::Keepalived:
            return "keepalived.conf";
        case Format::IpvsadmRules:
            return "ipvsadm";
        case Format::Ldirectord:
            return "ldirectord.cf";
    }
    return {};
}

std::optional<Format> format_named(std::string_view wanted) {
    for (const Format format : kFormats) {
        if (name(format) == wanted) return format;
    }
    return std::nullopt;
}

Imported import_text(std::string_view text, const std::string& file_name, Format format,
                     const Surroundings& surroundings) {
    Findings findings;
    Imported imported;
    if (const auto file = findings.add_file(file_name, std::string(text))) {
        Draft draft = read(format, *file, findings, surroundings);
        settle(draft, findings);
        if (findings.clean()) imported.text = write_toml(draft, findings, name(format));
    }
    if (imported.text.size() > config::kLargestFile) {
        findings.error({},
                       fmt::format("what comes of it has {} bytes; a configuration has at most {}",
                                   imported.text.size(), config::kLargestFile));
        imported.text.clear();
    }
    imported.errors = findings.errors();
    imported.notes = findings.notes();
    return imported;
}

}  // namespace isobar::importer
