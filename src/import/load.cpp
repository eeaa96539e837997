// SPDX-License-Identifier: Apache-2.0
#include "import/load.h"

#include <fmt/format.h>

#include <utility>

#include "import/host.h"

namespace isobar::importer {
namespace {

// The result is ours: an error in it says where it stands in that text, and is a fault of the
// importer.
LoadedFile load_imported(const std::string& path, Imported imported) {
    LoadedFile loaded;
    loaded.errors = std::move(imported.errors);
    loaded.notes = std::move(imported.notes);
    if (!loaded.errors.empty()) return loaded;
    auto result = config::parse(imported.text, path + " as isobar.toml");
    loaded.config = std::move(result.config);
    loaded.errors = std::move(result.errors);
    loaded.text = std::move(imported.text);
    return loaded;
}

}  // namespace

LoadedFile load_any(const std::string& path) {
    auto text = config::read_file(path);
    if (!text) return {{}, {text.error()}, {}, {}};
    const auto format = detect(*text);
    if (!format) {
        auto result = config::parse(*text, path);
        return {std::move(result.config), std::move(result.errors), {}, {}, *std::move(text)};
    }
    auto loaded = load_imported(path, import_text(*text, path, *format, surroundings_of_host()));
    loaded.format = format;
    return loaded;
}

Result<Imported> import_file(const std::string& path, std::optional<Format> format) {
    const auto text = config::read_file(path);
    if (!text) return failure(Fault::NotFound, text.error().text());
    if (!format) format = detect(*text);
    if (!format)
        return failure(
            Fault::Invalid,
            fmt::format("{}: of no format that is known here; --format names one", path));
    return import_text(*text, path, *format, surroundings_of_host());
}

}  // namespace isobar::importer
