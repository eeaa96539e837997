// SPDX-License-Identifier: Apache-2.0
// What is wrong on the way from the clients over the director to its real servers, whose fault it
// is, and what mends it. Pure: doctor_look.h gathers the facts.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/netlink.h"
#include "api/agent_report.h"
#include "api/status.h"
#include "dataplane/dataplane.h"
#include "isobar/arp_probe.h"
#include "isobar/table.h"
#include "model/address.h"
#include "model/config.h"
#include "model/finding.h"

namespace isobar::cli {

// How the director reaches an address.
struct Reach {
    bool local = false;  // it is the director's own
    bool route = false;
    int link = 0;
    std::optional<model::Address> gateway;
};

struct DoctorFacts {
    std::string host;
    std::chrono::sys_seconds now;
    std::string no_plane;    // why there is no data plane; empty: there is
    std::string no_isobard;  // why it does not answer; empty: it does
    std::vector<api::ServiceView> services;
    std::vector<dataplane::InterfaceHooks> hooks;
    std::vector<api::AgentReport> agents;
    std::vector<agent::Link> links;
    std::vector<agent::HostAddress> addresses;
    bool forwards4 = true, forwards6 = true;
    std::map<model::Address, Reach> reach;  // of virtual addresses and servers
    std::vector<ArpQuestion> asked;
    std::vector<ArpAnswer> answers;
    std::vector<model::MasqueradeConfig> masquerades;
    bool masquerade_rules = true;  // they are there
};

struct Remark {
    enum class Kind : std::uint8_t { Good, Note, Fault };
    Kind kind = Kind::Good;
    model::Finding finding;  // of a fault; what is good or to be known stands in `what`

    bool operator==(const Remark&) const = default;
};

struct HostPart {
    std::string host;  // "director vs", "real server 10.0.0.11"
    std::vector<Remark> remarks;
};

struct Diagnosis {
    std::vector<HostPart> hosts;
    struct Fault {
        std::string host;
        model::Finding finding;
    };
    // In the order in which they are best mended.
    [[nodiscard]] std::vector<Fault> faults() const;
};

Diagnosis diagnose(const DoctorFacts& facts);

// Which questions to ask: who has the virtual addresses, who the next hops to the servers?
std::vector<ArpQuestion> arp_questions(const DoctorFacts& facts);

// Virtual addresses, each once.
std::set<model::Address> vips_of(const std::vector<api::ServiceView>& services);
// The servers of all services, in the data plane or kept out of it by their checks.
std::vector<model::Address> servers_of(const std::vector<api::ServiceView>& services);

std::string diagnosis_text(const Diagnosis& diagnosis, Colours colours);
std::string diagnosis_json(const Diagnosis& diagnosis);

}  // namespace isobar::cli
