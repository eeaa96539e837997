// SPDX-License-Identifier: Apache-2.0
#include "api/socket_claim.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace isobar::api {
namespace {

std::string lock_path(const std::filesystem::path& socket) {
    return socket.string() + ".lock";
}

std::string holder(int lock) {
    char pid[16] = {};
    const ssize_t got = ::pread(lock, pid, sizeof pid - 1, 0);
    return got > 0 ? fmt::format(" (process {})", pid) : "";
}

// Locks the file that is at `path` now: between open and flock the one who had it may have
// removed it, and a lock on a removed file keeps nobody out.
Result<Fd> lock_file(const std::string& path, const std::filesystem::path& socket) {
    for (;;) {
        Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!lock.valid()) return system_failure(path, errno);
        if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK) return system_failure(path, errno);
            return failure(Fault::Exists, fmt::format("isobard is running already{} at {}",
                                                      holder(lock.get()), socket.string()));
        }
        struct stat held{};
        struct stat named{};
        if (::fstat(lock.get(), &held) != 0) return system_failure(path, errno);
        if (::stat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
            held.st_ino == named.st_ino) {
            return lock;
        }
    }
}

// Only a socket may be replaced: a path that was mistyped costs nobody a file.
Result<void> check_replaceable(const std::filesystem::path& path) {
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0) {
        if (errno == ENOENT) return {};
        return system_failure(path.string(), errno);
    }
    if (S_ISSOCK(found.st_mode)) return {};
    return failure(Fault::Exists, path.string() + ": is there and is no socket");
}

}  // namespace

Result<SocketClaim> SocketClaim::take(std::filesystem::path path) {
    if (path.string().size() >= sizeof(sockaddr_un{}.sun_path)) {
        return failure(Fault::Invalid,
                       fmt::format("{}: longer than a socket's path can be", path.string()));
    }
    std::error_code error;
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
    if (error) return system_failure(path.parent_path().string(), error.value());

    if (auto checked = check_replaceable(path); !checked) {
        return tl::unexpected(std::move(checked.error()));
    }
    auto lock = lock_file(lock_path(path), path);
    if (!lock) return tl::unexpected(std::move(lock.error()));
    const std::string pid = std::to_string(::getpid());
    if (::ftruncate(lock->get(), 0) != 0 || ::pwrite(lock->get(), pid.data(), pid.size(), 0) < 0) {
        return system_failure(lock_path(path), errno);
    }
    return SocketClaim(std::move(path), *std::move(lock));
}

SocketClaim::SocketClaim(SocketClaim&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::move(other.lock_)) {}

SocketClaim::~SocketClaim() {
    if (!lock_.valid()) return;
    struct stat found{};
    if (::lstat(path_.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) {
        (void)::unlink(path_.c_str());
    }
    (void)::unlink(lock_path(path_).c_str());
}

Result<Fd> SocketClaim::listen() {
    if (auto checked = check_replaceable(path_); !checked) {
        return tl::unexpected(std::move(checked.error()));
    }
    if (::unlink(path_.c_str()) != 0 && errno != ENOENT) {
        return system_failure(path_.string(), errno);
    }
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return system_failure("socket", errno);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.string().size() + 1);
    // By umask, not chmod afterwards: nobody may slip in between.
    const mode_t before = ::umask(0117);
    const int bound =
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int code = errno;
    ::umask(before);
    if (bound != 0) return system_failure(path_.string(), code);
    if (::listen(socket.get(), 64) != 0) return system_failure(path_.string(), errno);
    return socket;
}

}  // namespace isobar::api
