// SPDX-License-Identifier: Apache-2.0
// Values and tables in the words of TOML.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "import/draft.h"

namespace isobar::importer {

struct TomlEntry {
    std::string key;
    std::string value;
};
using TomlEntries = std::vector<TomlEntry>;

std::string toml_text(std::string_view text);
std::string duration(std::chrono::milliseconds time);  // "5s", "500ms", with their quotes
std::string list(const std::vector<std::string>& values);
std::string texts(const std::vector<std::string>& values);  // quotes them
std::string inline_table(const TomlEntries& entries);       // { a = 1, b = 2 }

TomlEntries entries_of(const model::Check& check);
TomlEntries entries_of(const NotifyDraft& notify);
TomlEntries entries_of(const LoadDraft& load);
TomlEntries entries_of(const Way& way);
TomlEntries entries_of(const SorryDraft& sorry);

}  // namespace isobar::importer
