// SPDX-License-Identifier: Apache-2.0
// Brings the data plane into the wanted state and remembers what the configuration owns.
// It alone changes services; everybody else hands it a new wish.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/diff.h"
#include "control/owned_file.h"
#include "model/change.h"
#include "model/service.h"

namespace isobar::control {

// What the reconciler needs of the data plane (dataplane::Dataplane words).
class ForwardingPlane {
public:
    virtual ~ForwardingPlane() = default;
    virtual Result<std::vector<model::ServiceStatus>> services() = 0;
    // All or none.
    virtual Result<void> apply(std::span<const model::Change> changes) = 0;
    virtual model::Timeouts timeouts() = 0;
    virtual Result<void> set_timeouts(const model::Timeouts& timeouts) = 0;
    virtual model::Switches switches() = 0;
    virtual Result<void> set_switches(const model::Switches& switches) = 0;
    virtual model::LocalityExpiry locality() = 0;
    virtual Result<void> set_locality(const model::LocalityExpiry& expiry) = 0;
    virtual std::vector<model::Port> ftp_ports() = 0;
    virtual Result<void> set_ftp_ports(std::span<const model::Port> ports) = 0;
    virtual std::vector<model::MarkRule> groups() = 0;
    virtual Result<void> set_groups(std::span<const model::MarkRule> rules) = 0;
};

// What becomes of changes that somebody else has made to what the configuration brought.
enum class Drift : std::uint8_t {
    PutBack,
    Leave,  // until there is something new to say of that server, service or setting
};

// What a reconcile did: lines for the log.
struct Reconciled {
    std::vector<std::string> changes;  // one line for each; empty: all was as wanted
    std::vector<std::string> drift;    // what it takes to undo what others have changed
    std::vector<std::string> warnings;
};

class Reconciler {
public:
    explicit Reconciler(OwnedFile file) : file_(std::move(file)) {}

    // On failure nothing was changed, but perhaps the timeouts and switches.
    Result<Reconciled> reconcile(ForwardingPlane& plane, const model::Forwarding& wanted,
                                 Drift drift = Drift::PutBack);
    // What reconcile() would change of the services. Before the first one: as if nothing of what
    // runs came from a configuration.
    [[nodiscard]] std::vector<model::Change> outlook(
        const std::vector<model::ServiceStatus>& running, const model::Forwarding& wanted) const {
        return diff(running, wanted, owned_);
    }

private:
    void load(const std::vector<model::ServiceStatus>& running, const model::Forwarding& wanted,
              Reconciled& report);
    void store(Owned owned, Reconciled& report);

    OwnedFile file_;
    bool loaded_ = false;  // before the first reconcile nothing is known
    Owned owned_;
    std::optional<model::Forwarding> last_;  // what was wanted last, and is, but for others
    std::optional<Owned> stored_;            // what the file says, as far as known
};

}  // namespace isobar::control
