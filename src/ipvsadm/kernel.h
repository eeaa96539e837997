// SPDX-License-Identifier: Apache-2.0
// What isobar-ipvsadm asks of the kernel, as an interface, so that commands can be tested
// with services that live in memory. The real one is data_plane_kernel.h.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/change.h"
#include "model/service.h"

namespace isobar::ipvsadm {

// The state of one network namespace. Each call is as in dataplane/dataplane.h.
class LiveState {
public:
    virtual ~LiveState() = default;
    virtual Result<void> apply(std::span<const model::Change> changes) = 0;
    virtual Result<void> set_timeouts(const model::Timeouts& timeouts) = 0;
    virtual Result<void> zero_counters(const std::optional<model::ServiceKey>& service) = 0;
    virtual Result<void> clear() = 0;
    virtual Result<void> attach_all() = 0;
    // Looks up again what the host's packet filter marks, if there are services by mark. Those
    // of its rules that cannot be followed, by name.
    virtual Result<std::vector<std::string>> refresh_host_marks() = 0;
    virtual Result<std::vector<model::ServiceStatus>> services() = 0;
    virtual Result<std::vector<model::ConnectionStatus>> connections() = 0;
    [[nodiscard]] virtual model::Timeouts timeouts() const = 0;
    virtual Result<void> set_switches(const model::Switches& switches) = 0;
    [[nodiscard]] virtual model::Switches switches() const = 0;
};

class Kernel {
public:
    virtual ~Kernel() = default;
    // Fault::NotFound: nothing was set up in this namespace yet. Fault::Permission: the
    // caller may not administer this network; what else is missing has words of its own.
    virtual Result<std::unique_ptr<LiveState>> open() = 0;
    virtual Result<std::unique_ptr<LiveState>> open_or_create() = 0;
};

}  // namespace isobar::ipvsadm
