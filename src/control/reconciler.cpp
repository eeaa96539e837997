// SPDX-License-Identifier: Apache-2.0
#include "control/reconciler.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/drift.h"

namespace isobar::control {
namespace {

Owned keys_of(const model::Forwarding& wanted) {
    Owned keys;
    for (const model::VirtualService& service : wanted.services) keys.insert(service.key);
    return keys;
}

void add_words(const std::vector<model::Change>& changes,
               const std::vector<model::ServiceStatus>& running, std::vector<std::string>& words) {
    for (const model::Change& change : changes)
        if (!is_of_probe(change)) words.push_back(describe(change, running));
}

std::string describe_timeouts(const model::Timeouts& timeouts) {
    return fmt::format("timeouts: tcp {} s, tcp_fin {} s, udp {} s", timeouts.tcp.count(),
                       timeouts.tcp_fin.count(), timeouts.udp.count());
}

// "sloppy_tcp 1, drop_entry 3": those that change.
std::string describe_switches(const model::Switches& before, const model::Switches& after) {
    std::string text;
    for (const auto& [name, value, most] : model::kSwitches)
        if (before.*value != after.*value)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, after.*value);
    return text;
}

std::string describe_locality(const model::LocalityExpiry& expiry) {
    return fmt::format("lblc_expiration {} s, lblcr_expiration {} s",
                       expiry.lblc_expiration.count(), expiry.lblcr_expiration.count());
}

}  // namespace

// Without a record of what the last configuration brought, nothing is removed. That is
// worth a word only if there is something that might have been.
void Reconciler::load(const std::vector<model::ServiceStatus>& running,
                      const model::Forwarding& wanted, Reconciled& report) {
    loaded_ = true;
    auto loaded = file_.load();
    if (loaded) {
        stored_ = *loaded;
        owned_ = *std::move(loaded);
        return;
    }
    const Owned wishes = keys_of(wanted);
    const auto strangers = std::count_if(
        running.begin(), running.end(),
        [&](const model::ServiceStatus& service) { return !wishes.contains(service.key); });
    if (loaded.error().fault == Fault::NotFound && strangers == 0) return;
    report.warnings.push_back(fmt::format(
        "{}: no record of what an earlier configuration brought: {} running service(s) that "
        "the configuration does not name are left alone",
        loaded.error().message, strangers));
}

void Reconciler::store(Owned owned, Reconciled& report) {
    owned_ = std::move(owned);
    if (stored_ == owned_) return;
    if (auto stored = file_.store(owned_); !stored) {
        stored_.reset();
        std::string warning = stored.error().message +
                              ": after a restart, services that leave the configuration will "
                              "stay until removed by hand";
        // The record is written twice around a change.
        if (report.warnings.empty() || report.warnings.back() != warning) {
            report.warnings.push_back(std::move(warning));
        }
        return;
    }
    stored_ = owned_;
}

namespace {

// What is set beside the services, of which a refused change leaves nothing either.
struct Beside {
    model::Timeouts timeouts;
    model::Switches switches;
    model::LocalityExpiry locality;
    std::vector<model::MarkRule> groups;
    std::vector<model::Port> ftp_ports;

    explicit Beside(ForwardingPlane& plane)
        : timeouts(plane.timeouts()),
          switches(plane.switches()),
          locality(plane.locality()),
          groups(plane.groups()),
          ftp_ports(plane.ftp_ports()) {}

    // As well as it goes: the change has failed already, and that is what is told.
    void put_back(ForwardingPlane& plane) const {
        if (plane.timeouts() != timeouts) (void)plane.set_timeouts(timeouts);
        if (plane.switches() != switches) (void)plane.set_switches(switches);
        if (plane.locality() != locality) (void)plane.set_locality(locality);
        if (plane.groups() != groups) (void)plane.set_groups(groups);
        if (plane.ftp_ports() != ftp_ports) (void)plane.set_ftp_ports(ftp_ports);
    }
};

// Ahead of the services: a mark without a service changes nothing for a packet.
Result<void> set_beside(ForwardingPlane& plane, const model::Forwarding& wanted,
                        const Beside& running, Reconciled& report) {
    if (wanted.timeouts && *wanted.timeouts != running.timeouts) {
        if (auto set = plane.set_timeouts(*wanted.timeouts); !set) {
            return tl::unexpected(std::move(set.error()).in("set timeouts"));
        }
        report.changes.push_back(describe_timeouts(*wanted.timeouts));
    }
    if (wanted.switches && *wanted.switches != running.switches) {
        if (auto set = plane.set_switches(*wanted.switches); !set) {
            return tl::unexpected(std::move(set.error()).in("set switches"));
        }
        report.changes.push_back(describe_switches(running.switches, *wanted.switches));
    }
    if (wanted.locality && *wanted.locality != running.locality) {
        if (auto set = plane.set_locality(*wanted.locality); !set) {
            return tl::unexpected(std::move(set.error()).in("set when destinations are forgotten"));
        }
        report.changes.push_back(describe_locality(*wanted.locality));
    }
    if (wanted.ftp_ports && *wanted.ftp_ports != running.ftp_ports) {
        if (auto set = plane.set_ftp_ports(*wanted.ftp_ports); !set) {
            return tl::unexpected(std::move(set.error()).in("set FTP's ports"));
        }
        report.changes.push_back(
            fmt::format("FTP's ports: [{}]", fmt::join(*wanted.ftp_ports, ", ")));
    }
    if (wanted.groups != running.groups) {
        if (auto set = plane.set_groups(wanted.groups); !set) {
            return tl::unexpected(std::move(set.error()).in("set what belongs to groups"));
        }
        report.changes.push_back(
            fmt::format("groups: {} address(es) in all", wanted.groups.size()));
    }
    return {};
}

}  // namespace

namespace {

// What others have set beside the services.
void find_drift(const model::Forwarding& last, const Beside& running, Reconciled& report) {
    if (last.timeouts && *last.timeouts != running.timeouts)
        report.drift.push_back(describe_timeouts(*last.timeouts));
    if (last.switches && *last.switches != running.switches)
        report.drift.push_back(describe_switches(running.switches, *last.switches));
    if (last.locality && *last.locality != running.locality)
        report.drift.push_back(describe_locality(*last.locality));
}

// Without the settings of which there is nothing new to say.
model::Forwarding only_news(model::Forwarding wanted, const model::Forwarding& last) {
    if (wanted.timeouts == last.timeouts) wanted.timeouts.reset();
    if (wanted.switches == last.switches) wanted.switches.reset();
    if (wanted.locality == last.locality) wanted.locality.reset();
    return wanted;
}

}  // namespace

Result<Reconciled> Reconciler::reconcile(ForwardingPlane& plane, const model::Forwarding& wanted,
                                         Drift drift) {
    const auto running = plane.services();
    if (!running) return tl::unexpected(running.error());
    Reconciled report;
    if (!loaded_) load(*running, wanted, report);

    const Beside beside(plane);
    std::vector<model::Change> changes = diff(*running, wanted, owned_);
    const bool leave = drift == Drift::Leave && last_;
    if (last_) {
        const auto theirs = diff(*running, *last_, owned_);
        add_words(theirs, *running, report.drift);
        find_drift(*last_, beside, report);
        if (leave) changes = leave_alone(std::move(changes), theirs, news(*last_, wanted));
    }
    if (auto set = set_beside(plane, leave ? only_news(wanted, *last_) : wanted, beside, report);
        !set) {
        beside.put_back(plane);
        return tl::unexpected(std::move(set.error()));
    }

    const Owned before = owned_;
    const Owned after = keys_of(wanted);
    // The record goes ahead of the deed: killed between the two, the next run still knows
    // both the services that were to go and those that have come.
    Owned both = before;
    both.insert(after.begin(), after.end());
    if (!changes.empty()) store(both, report);
    if (!changes.empty()) {
        if (auto applied = plane.apply(changes); !applied) {
            store(before, report);
            beside.put_back(plane);
            return tl::unexpected(std::move(applied.error()));
        }
    }
    add_words(changes, *running, report.changes);
    store(after, report);
    last_ = wanted;
    return report;
}

}  // namespace isobar::control
