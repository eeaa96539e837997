// SPDX-License-Identifier: Apache-2.0
#include "dataplane/lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace isobar::dataplane {

Result<NamespaceLock> NamespaceLock::take() {
    // The calling thread's: tests give each thread a namespace of its own.
    Fd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return system_failure("open the network namespace", errno);
    while (::flock(fd.get(), LOCK_EX) != 0)
        if (errno != EINTR) return system_failure("lock the network namespace", errno);
    return NamespaceLock(std::move(fd));
}

}  // namespace isobar::dataplane
