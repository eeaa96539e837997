// SPDX-License-Identifier: Apache-2.0
// What one ipvsadm command line asks for, as a value. It holds everything that ipvsadm 1.31
// accepts, including what this version cannot do yet; refusal.h tells the two apart.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/address.h"
#include "model/service.h"
#include "model/switches.h"

namespace isobar::ipvsadm {

enum class Action : std::uint8_t {
    AddService,
    EditService,
    DeleteService,
    Clear,
    Restore,
    Save,
    AddServer,
    EditServer,
    DeleteServer,
    List,
    Zero,
    SetTimeouts,
    SetSwitches,  // not ipvsadm's: in place of its sysctls
    ListSwitches,
    StartDaemon,
    StopDaemon,
    Help,
    Version,
};

enum class ServiceKind : std::uint8_t { Tcp, Udp, Sctp, FirewallMark };

// -t, -u, --sctp-service: an endpoint. -f: a mark, and the family of its servers in `address`.
struct ServiceName {
    ServiceKind kind = ServiceKind::Tcp;
    model::Endpoint address;
    std::uint32_t mark = 0;

    bool operator==(const ServiceName&) const = default;
};

enum class DaemonRole : std::uint8_t { Master, Backup };

// Which table -L prints when several are asked for: the first of these.
struct ListOptions {
    bool connections = false;  // -c
    bool timeouts = false;     // --timeout
    bool daemon = false;       // --daemon
    bool stats = false;
    bool rate = false;
    bool thresholds = false;
    bool persistent = false;  // --persistent-conn
    bool tunnels = false;     // --tun-info
    bool exact = false;
    bool sorted = true;
    bool numeric = false;

    bool operator==(const ListOptions&) const = default;
};

// "sloppy_tcp=1"
struct SwitchSetting {
    std::uint16_t model::Switches::* which = nullptr;
    std::uint16_t value = 0;

    bool operator==(const SwitchSetting&) const = default;
};

struct Command {
    Action action = Action::List;
    std::optional<ServiceName> service;

    // -A, -E
    std::string scheduler = "wlc";
    std::optional<std::chrono::seconds> persistence;  // -p
    std::optional<std::uint8_t> prefix;               // -M, by its length
    bool mask_with_holes = false;                     // -M that has no such length
    std::string persistence_engine;                   // --pe
    std::string scheduler_flags;                      // -b, checked
    bool one_packet = false;                          // -o
    model::LocalPool local;  // --local-address, --local-ports, --client-address

    // -a, -e, -d
    std::optional<model::Endpoint> server;
    model::ForwardingMethod forward = model::ForwardingMethod::Dr;
    model::Tunnel tunnel;
    model::Weight weight = 1;
    std::uint32_t upper_threshold = 0;
    std::uint32_t lower_threshold = 0;

    ListOptions list;          // -L; -S has `numeric`
    model::Timeouts timeouts;  // --set; zero: keep
    DaemonRole daemon = DaemonRole::Master;
    std::vector<SwitchSetting> switches;  // --set-switch

    bool operator==(const Command&) const = default;
};

}  // namespace isobar::ipvsadm
