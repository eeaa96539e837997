// SPDX-License-Identifier: Apache-2.0
// Asks isobard's API, one request at a time, blocking: over its unix socket, as the command line
// and other programs on the director do, or over TCP, as agents do.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <tl/expected.hpp>

#include "model/address.h"

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
// POST of a JSON document.
tl::expected<Answer, AskError> post(const std::filesystem::path& socket, const std::string& target,
                                    const std::string& json, std::chrono::milliseconds limit);
// An answer has at most `most` bytes.
tl::expected<Answer, AskError> ask(const model::Endpoint& server, const std::string& target,
                                   std::chrono::milliseconds limit, std::uint64_t most);
tl::expected<Answer, AskError> post(const model::Endpoint& server, const std::string& target,
                                    const std::string& json, std::chrono::milliseconds limit,
                                    std::uint64_t most);

}  // namespace isobar::api
