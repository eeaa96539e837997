// SPDX-License-Identifier: Apache-2.0
#include "control/drift.h"

#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "control/diff.h"

namespace isobar::control {
namespace {

// What a change is about: a service, or a server of it.
using Subject = std::pair<model::ServiceKey, std::optional<model::Endpoint>>;

struct SubjectOf {
    Subject operator()(const model::AddService& step) const { return {step.key, {}}; }
    Subject operator()(const model::EditService& step) const { return {step.key, {}}; }
    Subject operator()(const model::RemoveService& step) const { return {step.key, {}}; }
    Subject operator()(const model::AddServer& step) const {
        return {step.service, step.server.address};
    }
    Subject operator()(const model::EditServer& step) const {
        return {step.service, step.server.address};
    }
    Subject operator()(const model::RemoveServer& step) const {
        return {step.service, step.server};
    }
};

std::set<Subject> subjects_of(const std::vector<model::Change>& changes) {
    std::set<Subject> subjects;
    for (const model::Change& change : changes) subjects.insert(std::visit(SubjectOf{}, change));
    return subjects;
}

std::vector<model::ServiceStatus> running_as(const model::Forwarding& wanted) {
    std::vector<model::ServiceStatus> services;
    for (const model::VirtualService& each : wanted.services) {
        model::ServiceStatus& service = services.emplace_back();
        service.key = each.key;
        service.scheduler = each.scheduler;
        service.scheduler_flags = each.scheduler_flags;
        service.persistence = each.persistence;
        service.one_packet = each.one_packet;
        service.local = each.local;
        service.engine = each.engine;
        for (const model::RealServer& server : each.servers)
            service.servers.emplace_back().server = server;
    }
    return services;
}

}  // namespace

std::vector<model::Change> leave_alone(std::vector<model::Change> changes,
                                       const std::vector<model::Change>& drift,
                                       const std::vector<model::Change>& news) {
    const auto theirs = subjects_of(drift), ours = subjects_of(news);
    std::set<model::ServiceKey> away;
    std::erase_if(changes, [&](const model::Change& change) {
        const Subject subject = std::visit(SubjectOf{}, change);
        const bool left = theirs.contains(subject) && !ours.contains(subject);
        if (left && std::holds_alternative<model::AddService>(change)) away.insert(subject.first);
        return left || away.contains(subject.first);
    });
    return changes;
}

std::vector<model::Change> news(const model::Forwarding& before, const model::Forwarding& after) {
    Owned owned;
    for (const model::VirtualService& service : before.services) owned.insert(service.key);
    return diff(running_as(before), after, owned);
}

}  // namespace isobar::control
