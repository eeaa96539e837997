// SPDX-License-Identifier: Apache-2.0
#include "config/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "config/check.h"
#include "config/document.h"
#include "config/reading.h"
#include "config/schema.h"
#include "config/source.h"

namespace isobar::config {
namespace {

Loaded refused(Diagnostic why) {
    return {std::nullopt, {std::move(why)}};
}

tl::unexpected<Diagnostic> unreadable(const std::string& path, std::string message) {
    Diagnostic why;
    why.file = path;
    why.message = std::move(message);
    return tl::unexpected(std::move(why));
}

// At most one byte more than is allowed, so that the caller can tell.
Result<std::string> read_all(const Fd& fd) {
    std::string text;
    std::array<char, 16384> buffer{};
    while (text.size() <= kLargestFile) {
        const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_failure("cannot read", errno);
        if (got == 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
}

bool says_nothing(const FileDraft& draft) {
    return draft.services.empty() && draft.masquerades.empty();
}

bool only_director(const Table& tables) {
    return std::all_of(tables.begin(), tables.end(),
                       [](const Entry& entry) { return entry.key == "director"; });
}

}  // namespace

tl::expected<std::string, Diagnostic> read_file(const std::string& path) {
    // Non-blocking: a FIFO must not hold the daemon up before it is refused.
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd.valid()) return unreadable(path, system_failure("cannot open", errno).value().message);
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) {
        return unreadable(path, system_failure("cannot read", errno).value().message);
    }
    if (S_ISDIR(status.st_mode)) return unreadable(path, "is a directory, not a file");
    if (!S_ISREG(status.st_mode)) return unreadable(path, "is not a regular file");
    if (std::cmp_greater(status.st_size, kLargestFile)) {
        return tl::unexpected(too_large(path, static_cast<std::size_t>(status.st_size)));
    }
    auto text = read_all(fd);
    if (!text) return unreadable(path, text.error().message);
    return *std::move(text);
}

Loaded load_file(const std::string& path) {
    const auto text = read_file(path);
    if (!text) return refused(text.error());
    return parse(*text, path);
}

Loaded parse(std::string_view text, const std::string& file_name) {
    const Source source(file_name, text);
    if (auto refusal = source.refusal()) return refused(std::move(*refusal));
    const auto document = parse_document(source);
    if (!document) return refused(document.error());

    Reading reading(source);
    FileDraft draft;
    const Table& tables = *document->as<Table>();
    read_table(file_fields(), tables, {1, 1}, "", reading, draft);
    // A misspelt [[service]] has its own error; that says it better.
    if (says_nothing(draft) && (reading.clean() || only_director(tables))) {
        reading.error({1, 1}, "empty configuration: it has no [[service]] and no [[masquerade]]",
                      "a file that was cut off must not stop a running director");
    }
    check(draft, reading);

    Loaded loaded;
    loaded.errors = std::move(reading).errors();
    if (loaded.errors.empty()) loaded.config = to_config(draft);
    return loaded;
}

}  // namespace isobar::config
