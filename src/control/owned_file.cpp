// SPDX-License-Identifier: Apache-2.0
#include "control/owned_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/text.h"
#include "control/durable_file.h"

namespace isobar::control {
namespace {

constexpr std::string_view kTitle = "isobar services 1";
// 65,536 services make 2 MB; more is not our file.
constexpr std::size_t kMaxSize = std::size_t{8} << 20;

// Takes the first line off `text`, without its newline; nothing if none is complete.
std::optional<std::string_view> take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
}

constexpr std::string_view kMark = "mark ";

// "ipv4 5"
std::optional<model::ServiceKey> parse_mark(std::string_view text) {
    const bool ipv4 = text.starts_with("ipv4 ");
    if (!ipv4 && !text.starts_with("ipv6 ")) return std::nullopt;
    const auto mark = parse_unsigned<std::uint32_t>(text.substr(5));
    if (!mark || *mark == 0) return std::nullopt;
    return model::ServiceKey::by_mark(*mark, ipv4 ? model::Family::V4 : model::Family::V6);
}

std::optional<model::ServiceKey> parse_key(std::string_view line) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const auto protocol = model::protocol_named(line.substr(0, space));
    const auto address = model::Endpoint::parse(line.substr(space + 1));
    if (line.starts_with(kMark)) return parse_mark(line.substr(kMark.size()));
    if (!protocol || !address) return std::nullopt;
    return model::ServiceKey{*protocol, *address};
}

}  // namespace

std::string owned_text(const Owned& owned, std::string_view scope) {
    std::string text = fmt::format("{}\n{}\n", kTitle, scope);
    for (const model::ServiceKey& key : owned) {
        if (key.mark != 0) {
            const bool ipv4 = key.address.address.family == model::Family::V4;
            text += fmt::format("{}{} {}\n", kMark, ipv4 ? "ipv4" : "ipv6", key.mark);
            continue;
        }
        text += fmt::format("{} {}\n", name(key.protocol), key.address.text());
    }
    return text + fmt::format("end {}\n", owned.size());
}

Result<Owned> parse_owned(std::string_view text, std::string_view scope) {
    if (take_line(text) != kTitle) return failure(Fault::Invalid, "not a list of services");
    const auto where = take_line(text);
    if (!where) return failure(Fault::Invalid, "cut off after its first line");
    Owned owned;
    while (const auto line = take_line(text)) {
        if (*line == fmt::format("end {}", owned.size()) && text.empty()) {
            return *where == scope ? std::move(owned) : Owned{};
        }
        const auto key = parse_key(*line);
        if (!key) return failure(Fault::Invalid, "a line that is no service");
        owned.insert(*key);
    }
    return failure(Fault::Invalid, "cut off");
}

Result<std::string> current_scope() {
    auto boot = read_file("/proc/sys/kernel/random/boot_id", kMaxSize);
    if (!boot) return tl::unexpected(std::move(boot.error()));
    if (boot->ends_with('\n')) boot->pop_back();
    struct stat net{};
    if (::stat("/proc/self/ns/net", &net) != 0) {
        return system_failure("/proc/self/ns/net", errno);
    }
    return fmt::format("boot {} net {}", *boot, net.st_ino);
}

OwnedFile::OwnedFile(const std::filesystem::path& folder, std::string scope)
    : path_(folder / "services"), scope_(std::move(scope)) {}

Result<Owned> OwnedFile::load() const {
    const auto text = read_file(path_, kMaxSize);
    if (!text) return tl::unexpected(text.error());
    auto owned = parse_owned(*text, scope_);
    if (!owned) return tl::unexpected(std::move(owned.error()).in(path_.string()));
    return owned;
}

Result<void> OwnedFile::store(const Owned& owned) const {
    return replace_file(path_, owned_text(owned, scope_));
}

Result<void> OwnedFile::remove() const {
    if (::unlink(path_.c_str()) != 0 && errno != ENOENT) {
        return system_failure(path_.string(), errno);
    }
    return {};
}

}  // namespace isobar::control
