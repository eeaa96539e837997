// SPDX-License-Identifier: Apache-2.0
// Configurations of other load balancers as the text of an isobar.toml. The text alone is the
// contract (docs/decisions/022-importers.md): what the loader would not take is refused here.
// Nothing is read but what was given and what Surroundings hands out.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "model/address.h"
#include "model/service.h"

namespace isobar::importer {

enum class Format : std::uint8_t { LvsCf, Keepalived, IpvsadmRules, Ldirectord };

inline constexpr std::array kFormats{Format::LvsCf, Format::Keepalived, Format::IpvsadmRules,
                                     Format::Ldirectord};

std::string_view name(Format format);  // "lvs.cf", "keepalived.conf", "ipvsadm", "ldirectord.cf"
std::optional<Format> format_named(std::string_view name);

// What the text looks like; nothing: like none of them, as an isobar.toml.
std::optional<Format> detect(std::string_view text);

// What a file may refer to outside of itself. A function that is not there knows nothing.
struct Surroundings {
    // The files that a pattern of `include` stands for, in order.
    std::function<std::vector<std::string>(const std::string& pattern)> find_files;
    std::function<std::optional<std::string>(const std::string& path)> read_file;
    std::function<std::optional<model::Address>(const std::string& host)> find_address;
    std::function<std::optional<model::Port>(const std::string& name, model::Protocol protocol)>
        find_port;
    std::string config_id;  // what `@id` of keepalived.conf is compared with: the host's name
};

struct Imported {
    std::string text;                        // of the isobar.toml; empty if there are errors
    std::vector<config::Diagnostic> errors;  // in the order of the file
    std::vector<config::Diagnostic> notes;   // what is not honoured, and why
};

// `file_name` is for the diagnostics, and what `include` is relative to.
Imported import_text(std::string_view text, const std::string& file_name, Format format,
                     const Surroundings& surroundings = {});

}  // namespace isobar::importer
