// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration of another load balancer: either TOML that parses or errors, and
// what is said can be shown on a terminal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/document.h"
#include "config/source.h"
#include "import/import.h"

namespace isobar {

inline void require(bool holds) {
    if (!holds) std::abort();
}

inline bool is_safe_to_show(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && byte != '\n') || byte == 0x7f;
    });
}

inline int import_any(const std::uint8_t* data, std::size_t size, importer::Format format) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static_cast<void>(importer::detect(text));

    importer::Surroundings surroundings;  // every file includes what the input says
    surroundings.config_id = "main";
    surroundings.find_files = [](const std::string& path) { return std::vector{path}; };
    surroundings.read_file = [](const std::string&) { return std::optional<std::string>("x y\n"); };
    const auto imported = importer::import_text(text, "fuzz.conf", format, surroundings);

    require(imported.text.empty() == !imported.errors.empty());
    for (const auto& error : imported.errors) require(is_safe_to_show(error.text()));
    for (const auto& note : imported.notes) require(is_safe_to_show(note.text()));
    if (imported.errors.empty()) {
        const config::Source source("fuzz.toml", imported.text);
        require(!source.refusal());
        require(config::parse_document(source).has_value());
    }
    return 0;
}

}  // namespace isobar
