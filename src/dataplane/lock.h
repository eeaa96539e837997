// SPDX-License-Identifier: Apache-2.0
// One writer at a time in a network namespace: a lock on the namespace itself, so that no
// file is needed and processes of different mount namespaces exclude each other.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace isobar::dataplane {

class NamespaceLock {
public:
    // Waits for the current holder (milliseconds).
    static Result<NamespaceLock> take();

private:
    explicit NamespaceLock(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace isobar::dataplane
