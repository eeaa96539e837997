// SPDX-License-Identifier: Apache-2.0
// From a configuration, and how its servers are, to the state of the data plane that this asks for.
// Pure: the same input gives the same answer, and nothing is read or changed. What must be done
// to get there is diff's business. The one place that answers why a server gets no traffic.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/condition.h"
#include "control/event_log.h"
#include "model/config.h"
#include "model/service.h"

namespace isobar::control {

// What becomes of a server, and why.
struct ServerPlan {
    model::RealServer server;             // as configured
    std::optional<model::Weight> weight;  // nothing: it is not in the service
    std::string reason;                   // "up", "down: connection refused", "drained by hand"
    bool up = true;                       // counts for the quorum
    std::optional<Health> health{};       // as its checks say; nothing: nobody checks it
    bool by_hand = false;                 // an operator has said something of it
    model::Weight counts = 0;             // so much there: its weight without regard to load
    model::Weight scale = 1;              // what a configured weight of 1 is in `weight`
    bool by_load = false;                 // `weight` is what its load allows
};

struct ServicePlan {
    std::string name;
    bool quorum = true;
    bool sorry = false;  // the sorry server serves
    std::vector<ServerPlan> servers;
};

struct Plan {
    model::Forwarding forwarding;
    std::vector<ServicePlan> services;  // in the order of the configuration, enabled or not
};

// Every [[service]] becomes a virtual service; a server without a port gets that of the listen
// address. One with several listen addresses is a service by mark, and `groups` says which packets
// have it. Expects what the loader guarantees: no listen address twice, no server twice in a
// service.
Plan plan(const model::Config& config, const Conditions& conditions);

// What an operator should know of the way from one to the other: servers that come in
// and go, and why; services that lose their quorum, or have it again. `before` may be of another
// configuration: what only one of them has is none.
std::vector<Event> differences(const std::vector<ServicePlan>& before,
                               const std::vector<ServicePlan>& after);

// With every server as good as can be.
model::Forwarding plan(const model::Config& config);

}  // namespace isobar::control
