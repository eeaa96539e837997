// SPDX-License-Identifier: Apache-2.0
// The configurations that were applied, as numbered versions: what runs, what ran before, who
// wanted it. The operator's own file is never written to.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace isobar::control {

struct Version {
    std::uint32_t number = 0;
    std::chrono::sys_seconds at;
    std::string by, why;
    std::string from;  // a file, "version 3"
    bool operator==(const Version&) const = default;
};

// What the file that says so says.
struct HistoryIndex {
    std::vector<Version> versions;  // oldest first; the last one is the one that runs
    // It is not to stay: nobody has confirmed it, or it was not even applied to its end.
    bool unconfirmed = false;
    bool operator==(const HistoryIndex&) const = default;
};

std::string history_text(const HistoryIndex& index);
Result<HistoryIndex> parse_history(std::string_view text);

class History {
public:
    // Older ones are removed.
    static constexpr std::size_t kKept = 50;

    explicit History(const std::filesystem::path& folder) : folder_(folder / "versions") {}

    // What is there. If that is damaged it is put aside, and the history begins anew.
    Result<void> load();

    [[nodiscard]] const std::vector<Version>& versions() const { return index_.versions; }
    [[nodiscard]] bool unconfirmed() const { return index_.unconfirmed; }
    [[nodiscard]] const Version* last() const;
    [[nodiscard]] const Version* before_last() const;
    // The configuration of a version, as an isobar.toml. Fault::NotFound for one that there is not.
    [[nodiscard]] Result<std::string> text(std::uint32_t number) const;

    // A new last version, unconfirmed; it gets the next number. On failure nothing was added.
    Result<void> add(Version version, std::string_view text);
    // The last version stays.
    Result<void> confirm();
    // The last version was none: it could not be applied. `unconfirmed`: is the one before it?
    Result<void> drop_last(bool unconfirmed);

    // What the operator's file said when it was looked at last: whether it was changed since tells
    // which is newer, the file or the last version. Nothing if that is not known.
    [[nodiscard]] std::optional<std::string> file_text() const;
    Result<void> remember_file(std::string_view text) const;

private:
    Result<void> store(HistoryIndex index);
    [[nodiscard]] std::filesystem::path path_of(std::uint32_t number) const;
    [[nodiscard]] std::uint32_t highest_number() const;

    std::filesystem::path folder_;
    HistoryIndex index_;
};

}  // namespace isobar::control
