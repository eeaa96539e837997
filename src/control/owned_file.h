// SPDX-License-Identifier: Apache-2.0
// Remembers over a restart which services the last configuration brought, so that the
// next one may remove what it no longer names. Losing the file loses no packet: services
// of an older configuration then stay, as if made by hand.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "control/diff.h"

namespace isobar::control {

// The file's content. `scope` names the boot and the network namespace that the services
// are in (one line): elsewhere the same addresses are somebody else's.
std::string owned_text(const Owned& owned, std::string_view scope);
// The reverse. A file of another scope holds nothing of ours: an empty set, no error.
Result<Owned> parse_owned(std::string_view text, std::string_view scope);

// The scope of this process: "boot ID net INODE".
Result<std::string> current_scope();

class OwnedFile {
public:
    OwnedFile(const std::filesystem::path& folder, std::string scope);

    // Fault::NotFound if never stored, Fault::Invalid if it is not what store() wrote.
    [[nodiscard]] Result<Owned> load() const;
    // Replaces the file as a whole (mode 0600): a crash leaves the old or the new one.
    // Makes the folder if need be.
    [[nodiscard]] Result<void> store(const Owned& owned) const;
    // Removes the file, if there is one.
    [[nodiscard]] Result<void> remove() const;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
    std::string scope_;
};

}  // namespace isobar::control
