// SPDX-License-Identifier: Apache-2.0
// One isobard at a time has a socket path. The claim is a lock that the kernel lets go of
// when the process dies, however it dies; so what a kill -9 left behind is never in the
// way, and a living daemon is never pushed aside.
#pragma once

#include <filesystem>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace isobar::api {

class SocketClaim {
public:
    // Fault::Exists if a living process has the path ("isobard is running already, process
    // 123, at ...") or what is there is no socket. Makes the folder if need be. Does not
    // listen yet.
    static Result<SocketClaim> take(std::filesystem::path path);

    SocketClaim(const SocketClaim&) = delete;
    SocketClaim& operator=(const SocketClaim&) = delete;
    SocketClaim(SocketClaim&&) noexcept;
    SocketClaim& operator=(SocketClaim&&) = delete;
    // Gives the path free: no socket, no lock file is left.
    ~SocketClaim();

    // A listening socket at the path, mode 0660, in place of a stale one. Never more than
    // once.
    Result<Fd> listen();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    SocketClaim(std::filesystem::path path, Fd lock)
        : path_(std::move(path)), lock_(std::move(lock)) {}

    std::filesystem::path path_;
    Fd lock_;
};

}  // namespace isobar::api
