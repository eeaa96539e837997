// SPDX-License-Identifier: Apache-2.0
#include "control/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/fd.h"

namespace isobar::control {
namespace {

Result<void> write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t put = ::write(fd, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_failure("write", errno);
        text.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

// The rename itself is safe on disk only when the folder is.
Result<void> sync_folder(const std::filesystem::path& folder) {
    const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid() || ::fsync(fd.get()) != 0) return system_failure(folder.string(), errno);
    return {};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t most) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.valid()) return system_failure(path.string(), errno);
    std::string text;
    char block[16384];
    for (;;) {
        const ssize_t got = ::read(file.get(), block, sizeof block);
        if (got == 0) return text;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_failure(path.string(), errno);
        text.append(block, static_cast<std::size_t>(got));
        if (text.size() > most) {
            return failure(Fault::Invalid, path.string() + ": larger than this file can be");
        }
    }
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view text) {
    const std::filesystem::path folder = path.parent_path();
    std::error_code error;
    if (std::filesystem::create_directories(folder, error)) {
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
    if (error) return system_failure(folder.string(), error.value());

    const std::string draft = path.string() + ".new";
    // What a crash left behind may be a link or belong to somebody: never write through it.
    (void)::unlink(draft.c_str());
    const Fd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.valid()) return system_failure(draft, errno);
    if (auto written = write_all(file.get(), text); !written) {
        return tl::unexpected(std::move(written.error()).in(draft));
    }
    if (::fsync(file.get()) != 0) return system_failure(draft, errno);
    if (::rename(draft.c_str(), path.c_str()) != 0) {
        return system_failure(path.string(), errno);
    }
    return sync_folder(folder);
}

}  // namespace isobar::control
