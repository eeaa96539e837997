// SPDX-License-Identifier: Apache-2.0
// How the project reports what went wrong: Result<T> holds a value or an Error.
// Recoverable failures (network, kernel, user) travel this way, never by exception.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace isobar {

// What a caller may want to tell apart; the words for people are in Error::message.
enum class Fault {
    Invalid,      // the request contradicts itself or a rule
    NotFound,     // no such service, server, file, state
    Exists,       // it is there already
    OutOfRange,   // a number beyond its bounds
    Permission,   // not root, capability missing
    Unsupported,  // known, but this version or this kernel cannot do it
    Full,         // no room (table, memory, capacity)
    Unreachable,  // no daemon at the other end
    System,       // a system call failed
};

struct Error {
    Fault fault = Fault::System;
    std::string message;

    // Adds the words of the layer above: "attach to eth0: load program: ...".
    [[nodiscard]] Error in(std::string_view where) && {
        message.insert(0, std::string(where) + ": ");
        return std::move(*this);
    }
};

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(Fault fault, std::string message) {
    return tl::unexpected<Error>(Error{fault, std::move(message)});
}

// The error of a system call: `what`: strerror(code); EPERM/EACCES become Permission.
tl::unexpected<Error> system_failure(std::string_view what, int code);

}  // namespace isobar
