// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cerrno>
#include <system_error>

namespace isobar {
namespace {

Fault fault_of(int code) {
    switch (code) {
        case EPERM:
        case EACCES:
            return Fault::Permission;
        case ENOENT:
            return Fault::NotFound;
        case EEXIST:
            return Fault::Exists;
        case ENOMEM:
        case ENOSPC:
        case E2BIG:
            return Fault::Full;
        case EOPNOTSUPP:
            return Fault::Unsupported;
        default:
            return Fault::System;
    }
}

}  // namespace

tl::unexpected<Error> system_failure(std::string_view what, int code) {
    return failure(fault_of(code),
                   std::string(what) + ": " + std::generic_category().message(code));
}

}  // namespace isobar
