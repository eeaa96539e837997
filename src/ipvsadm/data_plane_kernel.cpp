// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/data_plane_kernel.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "control/host_marks.h"
#include "dataplane/dataplane.h"

namespace isobar::ipvsadm {
namespace {

using dataplane::Dataplane;

class DataPlaneState final : public LiveState {
public:
    explicit DataPlaneState(Dataplane data_plane) : data_plane_(std::move(data_plane)) {}

    Result<void> apply(std::span<const model::Change> changes) override {
        return data_plane_.apply(changes);
    }
    Result<void> set_timeouts(const model::Timeouts& timeouts) override {
        return data_plane_.set_timeouts(timeouts);
    }
    Result<void> zero_counters(const std::optional<model::ServiceKey>& service) override {
        return data_plane_.zero_counters(service);
    }
    Result<void> clear() override { return data_plane_.clear(); }
    Result<void> attach_all() override { return data_plane_.attach_all(); }
    Result<std::vector<std::string>> refresh_host_marks() override {
        if (data_plane_.uses_host_marks() && !host_marks_) {
            auto read = control::read_host_marks();
            if (!read) return tl::unexpected(std::move(read.error()));
            host_marks_ = std::move(*read);
        }
        const auto marks = data_plane_.uses_host_marks()
                               ? host_marks_.value_or(control::HostMarks{})
                               : control::HostMarks{};
        if (marks.rules != data_plane_.host_marks()) {
            if (auto set = data_plane_.set_host_marks(marks.rules); !set)
                return tl::unexpected(std::move(set.error()));
        }
        return marks.untold;
    }
    // Where no isobard runs, who lists lets the connection table grow. He gets his listing all the
    // same if there is no memory for that.
    Result<std::vector<model::ServiceStatus>> services() override {
        (void)data_plane_.tend();
        return data_plane_.services();
    }
    Result<std::vector<model::ConnectionStatus>> connections() override {
        (void)data_plane_.tend();
        return data_plane_.connections();
    }
    [[nodiscard]] model::Timeouts timeouts() const override { return data_plane_.timeouts(); }
    Result<void> set_switches(const model::Switches& switches) override {
        return data_plane_.set_switches(switches);
    }
    [[nodiscard]] model::Switches switches() const override { return data_plane_.switches(); }

private:
    Dataplane data_plane_;
    // Read once: it takes three processes, and -R may have thousands of services by mark.
    std::optional<control::HostMarks> host_marks_;
};

// "You must be root" helps nobody who is root in a container without capabilities.
Error explain(Error error) {
    if (error.fault == Fault::Permission && ::geteuid() == 0) {
        error.fault = Fault::System;
        error.message +=
            " (root lacks a capability here: CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and "
            "CAP_SYS_ADMIN are needed)";
    }
    return error;
}

Result<std::unique_ptr<LiveState>> own(Result<Dataplane> opened) {
    if (!opened) return tl::unexpected(explain(std::move(opened).error()));
    return std::make_unique<DataPlaneState>(std::move(*opened));
}

}  // namespace

Result<std::unique_ptr<LiveState>> DataPlaneKernel::open() {
    return own(Dataplane::open());
}

Result<std::unique_ptr<LiveState>> DataPlaneKernel::open_or_create() {
    return own(Dataplane::open_or_create());
}

}  // namespace isobar::ipvsadm
