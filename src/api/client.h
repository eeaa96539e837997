// SPDX-License-Identifier: Apache-2.0
// Asks isobard's API over its unix socket, one request at a time, blocking. What the
// command line and other programs on the director use.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <tl/expected.hpp>

namespace isobar::api {

struct Answer {
    int code = 0;
    std::string body;
};

// Its own error, because a caller must tell a daemon that is not there from one that does
// not answer.
struct AskError {
    enum class Kind : std::uint8_t {
        Unreachable,  // no daemon there, or it went away before it answered
        Permission,   // the socket is not for this user
        Timeout,      // silent for longer than the limit
        Garbage,      // what answers does not speak HTTP, or says too much
    };
    Kind kind = Kind::Unreachable;
    std::string message;
};

// GET `target`; the whole exchange takes at most `limit`.
tl::expected<Answer, AskError> ask(const std::filesystem::path& socket, const std::string& target,
                                   std::chrono::milliseconds limit);

}  // namespace isobar::api
