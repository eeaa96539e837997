// SPDX-License-Identifier: Apache-2.0
// What a configuration file says, as one value. The file format is src/config's business.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/address.h"
#include "model/check.h"
#include "model/load.h"
#include "model/service.h"

namespace isobar::model {

enum class HookChoice : std::uint8_t { Auto, Xdp, Tc };

struct InterfaceConfig {
    std::string name;
    HookChoice hook = HookChoice::Auto;
    bool operator==(const InterfaceConfig&) const = default;
};

// Where a director answers agents, unless it says otherwise.
inline constexpr Port kAgentPort = 10539;

// What becomes of what others have changed in the data plane.
enum class OnDrift : std::uint8_t { Repair, Report };

// [director]
struct DirectorConfig {
    std::vector<InterfaceConfig> interfaces;  // empty: all, hook auto
    HookChoice hook = HookChoice::Auto;       // of interfaces that are not listed
    std::uint32_t connections = 1048576;      // most connections at a time
    Timeouts timeouts;
    Switches switches;
    LocalityExpiry locality;
    std::vector<Port> ftp_ports{kFtpPort};  // where control connections of FTP are followed
    bool manage_sysctls = true;             // ip_forward, rp_filter, accept_local
    OnDrift on_drift = OnDrift::Repair;
    std::vector<Endpoint> agents;  // where isobar-agents are answered; none: nowhere
    bool operator==(const DirectorConfig&) const = default;
};

// The mark of the named group of that name, in the data plane. Two names may have the same one.
std::uint32_t group_mark(std::string_view name);

// An address that a service is known by; or one with a range of ports.
struct Listen : ServiceKey {
    Listen(const ServiceKey& key, Port last = 0) : ServiceKey(key), last_port(last) {}

    Port last_port;  // 0: the port alone

    [[nodiscard]] bool is_range() const { return last_port != 0; }
    [[nodiscard]] Port last() const { return is_range() ? last_port : address.port; }
    // Is there a packet that is for both? Port 0 is for those that no other listens on.
    [[nodiscard]] bool overlaps(const Listen& other) const;
    auto operator<=>(const Listen&) const = default;
};

// What becomes of a server that its checks have found to be down.
enum class OnFailure : std::uint8_t {
    Remove,   // it leaves the service
    Quiesce,  // its weight becomes 0: connections to it go on, as far as they can
};

// A server of a service, and what the data plane does not know of it.
// Programs that are told of changes, by their arguments, never through a shell; empty: none.
struct Notify {
    std::vector<std::string> up, down;                // of a server; %h, %p: its address and port
    std::vector<std::string> quorum_up, quorum_down;  // of the service
    std::string user = "nobody";                      // whom they run as
    bool operator==(const Notify&) const = default;
};

struct ServerConfig : RealServer {
    ServerConfig(const RealServer& server = {}) : RealServer(server) {}

    std::vector<Check> checks{};  // all must be good; none: it is taken for good
    OnFailure on_failure = OnFailure::Remove;
    bool enabled = true;  // if not, it gets nothing and is not checked
    std::string host{};   // what it calls itself; empty: by its address
    Notify notify{};
    bool operator==(const ServerConfig&) const = default;
};

// [[service]]: one name, one or more addresses, the same servers behind all of them. Several
// addresses, or a range of ports, are a named group: one service, in which a client stays with its
// server whatever address it uses.
struct ServiceConfig {
    std::string name;
    std::vector<Listen> listen;  // port 0: all ports
    std::uint32_t mark = 0;      // instead: the firewall mark of its packets
    Scheduler scheduler = Scheduler::Wlc;
    SchedulerFlags scheduler_flags = {};
    ForwardingMethod forward = ForwardingMethod::Nat;
    std::vector<ServerConfig> servers;  // port 0: that of the packet
    std::optional<Persistence> persistence{};
    bool one_packet = false;
    LocalPool local{};
    PersistenceEngine engine = PersistenceEngine::None;
    bool enabled = true;  // if not, the data plane does not know it
    // So much weight must be up; with a hysteresis, so much more to begin, and less to end.
    Weight quorum = 1;
    Weight quorum_hysteresis = 0;
    std::optional<RealServer> sorry{};  // serves alone when there is no quorum
    // How long a server that comes in takes to its whole weight.
    std::chrono::milliseconds slow_start{0};
    std::optional<LoadConfig> load{};  // weights follow the load of the servers
    Notify notify{};                   // of its quorum; servers have their own

    [[nodiscard]] bool is_group() const {
        return listen.size() > 1 || (listen.size() == 1 && listen.front().is_range());
    }
    // What it is in the data plane: a group has a mark of its own, which follows from its name.
    [[nodiscard]] ServiceKey key() const;
    // Where a server is in the data plane: one without a port has that of the service.
    [[nodiscard]] Endpoint endpoint_of(const Endpoint& server) const;

    bool operator==(const ServiceConfig&) const = default;
};

// [[masquerade]]: `from` reaches out through the director.
struct MasqueradeConfig {
    Network from;
    std::string out;  // interface
    bool operator==(const MasqueradeConfig&) const = default;
};

struct Config {
    DirectorConfig director;
    std::vector<ServiceConfig> services;
    std::vector<MasqueradeConfig> masquerades;
    bool operator==(const Config&) const = default;
};

}  // namespace isobar::model
