// SPDX-License-Identifier: Apache-2.0
#include "control/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "control/durable_file.h"

namespace isobar::control {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int kFormat = 1;
constexpr std::size_t kLargest = std::size_t{8} << 20U;

Json entry_of(const Version& version) {
    return {{"number", version.number},
            {"at", version.at.time_since_epoch().count()},
            {"by", version.by},
            {"why", version.why},
            {"from", version.from}};
}

// Throws what nlohmann throws.
Version version_of(const Json& json) {
    return {json.at("number").get<std::uint32_t>(),
            std::chrono::sys_seconds(std::chrono::seconds(json.at("at").get<std::int64_t>())),
            json.at("by"), json.at("why"), json.at("from")};
}

bool is_rising(const std::vector<Version>& versions) {
    return std::ranges::adjacent_find(versions, [](const Version& one, const Version& next) {
               return one.number >= next.number;
           }) == versions.end();
}

}  // namespace

std::string history_text(const HistoryIndex& index) {
    Json versions = Json::array();
    for (const Version& version : index.versions) versions.push_back(entry_of(version));
    const Json document = {{"version", kFormat},
                           {"unconfirmed", index.unconfirmed},
                           {"versions", std::move(versions)}};
    return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<HistoryIndex> parse_history(std::string_view text) {
    HistoryIndex index;
    try {
        const Json document = Json::parse(text);
        if (document.at("version") != kFormat)
            return failure(Fault::Unsupported, "of another version of isobard");
        document.at("unconfirmed").get_to(index.unconfirmed);
        for (const Json& json : document.at("versions")) index.versions.push_back(version_of(json));
    } catch (const Json::exception& error) {
        return failure(Fault::Invalid, error.what());
    }
    if (!is_rising(index.versions)) return failure(Fault::Invalid, "its numbers do not rise");
    return index;
}

Result<void> History::load() {
    index_ = {};
    const fs::path path = folder_ / "index.json";
    const auto text = read_file(path, kLargest);
    if (!text && text.error().fault == Fault::NotFound) return {};
    auto index = text ? parse_history(*text) : tl::unexpected(text.error());
    if (index) {
        index_ = *std::move(index);
        return {};
    }
    std::error_code ignored;  // it is in the way, but stops nothing
    fs::rename(path, path.string() + ".damaged", ignored);
    return tl::unexpected(std::move(index.error()).in(path.string()));
}

const Version* History::last() const {
    return index_.versions.empty() ? nullptr : &index_.versions.back();
}

const Version* History::before_last() const {
    return index_.versions.size() < 2 ? nullptr : &index_.versions.end()[-2];
}

fs::path History::path_of(std::uint32_t number) const {
    return folder_ / fmt::format("{}.toml", number);
}

Result<std::string> History::text(std::uint32_t number) const {
    const auto found = std::ranges::find(index_.versions, number, &Version::number);
    if (found == index_.versions.end())
        return failure(Fault::NotFound, fmt::format("there is no version {}", number));
    return read_file(path_of(number), kLargest);
}

// Also of those that a damaged index has forgotten.
std::uint32_t History::highest_number() const {
    std::uint32_t highest = index_.versions.empty() ? 0 : index_.versions.back().number;
    std::error_code error;
    for (fs::directory_iterator each(folder_, error), end; !error && each != end;
         each.increment(error))
        if (const auto number = parse_unsigned<std::uint32_t>(each->path().stem().native()))
            highest = std::max(highest, *number);
    return highest;
}

Result<void> History::add(Version version, std::string_view text) {
    version.number = highest_number() + 1;
    const fs::path path = path_of(version.number);
    if (auto written = replace_file(path, text); !written) return written;
    HistoryIndex index = index_;
    index.unconfirmed = true;
    index.versions.push_back(std::move(version));
    std::vector<Version> old;
    while (index.versions.size() > kKept) {
        old.push_back(index.versions.front());
        index.versions.erase(index.versions.begin());
    }
    std::error_code ignored;  // a text that nobody names does no harm
    auto stored = store(std::move(index));
    if (!stored) fs::remove(path, ignored);
    if (!stored) return stored;
    for (const Version& each : old) fs::remove(path_of(each.number), ignored);
    return {};
}

Result<void> History::confirm() {
    HistoryIndex index = index_;
    index.unconfirmed = false;
    return store(std::move(index));
}

Result<void> History::drop_last(bool unconfirmed) {
    HistoryIndex index = index_;
    const std::uint32_t number = index.versions.back().number;
    index.versions.pop_back();
    index.unconfirmed = unconfirmed;
    if (auto stored = store(std::move(index)); !stored) return stored;
    std::error_code ignored;
    fs::remove(path_of(number), ignored);
    return {};
}

Result<void> History::store(HistoryIndex index) {
    auto stored = replace_file(folder_ / "index.json", history_text(index));
    if (stored) index_ = std::move(index);
    return stored;
}

std::optional<std::string> History::file_text() const {
    auto text = read_file(folder_ / "file.toml", kLargest);
    if (!text) return std::nullopt;
    return *std::move(text);
}

Result<void> History::remember_file(std::string_view text) const {
    return replace_file(folder_ / "file.toml", text);
}

}  // namespace isobar::control
