// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration: either a configuration or errors, and what is said about
// them can be shown on a terminal.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/load.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

bool is_safe_to_show(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && byte != '\n') || byte == 0x7f;
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);

    const auto loaded = isobar::config::parse(text, "fuzz.toml");

    require(loaded.config.has_value() == loaded.errors.empty());
    for (const auto& error : loaded.errors) {
        require(!error.message.empty());
        require(error.source_line.empty() || error.caret >= 1);
        require(is_safe_to_show(error.text()));
    }
    if (loaded.config) {
        require(!loaded.config->services.empty() || !loaded.config->masquerades.empty());
    }
    return 0;
}
