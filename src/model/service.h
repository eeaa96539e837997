// SPDX-License-Identifier: Apache-2.0
// The values that the director works on: virtual services, their real servers, what was
// counted for them. Values only: no I/O, no clock.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "abi/schedulers.h"
#include "model/address.h"
#include "model/switches.h"

namespace isobar::model {

enum class Protocol : std::uint8_t { Tcp, Udp, Sctp, Any };
// What tells the clients of a persistent service apart beside their address: ipvsadm's --pe.
enum class PersistenceEngine : std::uint8_t { None, Sip };
enum class ForwardingMethod : std::uint8_t { Nat, Dr, Tun, FullNat };
enum class Encapsulation : std::uint8_t { Ipip, Gue, Gre };
// How a real server behind fullnat learns its client's address: not at all, by the TCP option TOA,
// by a header of the PROXY protocol in front of the data.
enum class ClientAddress : std::uint8_t { None, Toa, Proxy };
// Over a packet in its tunnel. Remote: as ipvsadm's --tun-remcsum.
enum class TunnelChecksum : std::uint8_t { None, Full, Remote };
// Named as on the command line.
enum class Scheduler : std::uint8_t {
#define X(number, name, Name) Name = (number),
    ISOBAR_SCHEDULER_LIST(X)
#undef X
};

// ipvsadm's -b: three bits, of which each scheduler has its own opinion (scheduler_flags.h).
struct SchedulerFlags {
    std::uint8_t bits = 0;

    [[nodiscard]] bool has(SchedulerFlags flags) const { return (bits & flags.bits) != 0; }
    void set(SchedulerFlags flags) { bits |= flags.bits; }
    auto operator<=>(const SchedulerFlags&) const = default;
};

std::string_view name(Protocol protocol);        // "tcp"; "any"
std::string_view name(Scheduler scheduler);      // "wlc"
std::string_view name(ForwardingMethod method);  // "nat"
std::string_view name(Encapsulation type);       // "ipip"
std::string_view name(ClientAddress way);        // "toa"
// Are the packets' addresses and ports rewritten, so that a server's port may be its own?
bool rewrites(ForwardingMethod method);
std::string_view name(TunnelChecksum checksum);  // "none"
bool can_have(Encapsulation type, TunnelChecksum checksum);
std::string_view name(PersistenceEngine engine);  // "sip"
std::optional<Scheduler> scheduler_named(std::string_view name);
std::optional<Protocol> protocol_named(std::string_view name);
// All names, in the order of abi/schedulers.h: for help texts and "did you mean".
const std::vector<std::string_view>& scheduler_names();

using Weight = std::uint32_t;
// Largest weight that ipvsadm accepts.
inline constexpr Weight kMaxWeight = 2147483647;

// Clients of one network stay with the server that the first of them got.
struct Persistence {
    std::chrono::seconds timeout{360};  // after the last new connection
    std::uint8_t prefix = 32;           // bits of the client's address that make its network

    auto operator<=>(const Persistence&) const = default;
};
// Longest timeout that ipvsadm accepts.
inline constexpr std::chrono::seconds kMaxPersistence = std::chrono::days(31);

// What makes a virtual service that one. Port 0: all ports that have no service of their own.
struct ServiceKey {
    Protocol protocol = Protocol::Tcp;
    Endpoint address;
    std::uint32_t mark = 0;  // other than 0: the firewall mark of its packets (by_mark)

    // Of all packets of the family that have the mark.
    static ServiceKey by_mark(std::uint32_t mark, Family family = Family::V4);

    [[nodiscard]] std::string text() const;  // "TCP 10.0.0.2:80", "FWM 5", "FWM 5 IPv6"
    auto operator<=>(const ServiceKey&) const = default;
};

// Marks from here on are those of named groups; hosts hardly use such numbers.
inline constexpr std::uint32_t kFirstGroupMark = 0x80000000;
// And from here on those of checks that go the way of a service to one of its servers: each such
// way is a service of its own, which nobody else sees.
inline constexpr std::uint32_t kFirstProbeMark = 0xf0000000;
inline bool is_probe(const ServiceKey& key) {
    return key.mark >= kFirstProbeMark;
}

// Packets that get a firewall mark. Source and destination are of one family.
struct MarkRule {
    Protocol protocol = Protocol::Any;
    Network source;
    Network destination;
    Port first_port = 0;  // of the destination
    Port last_port = 65535;
    std::uint32_t mark = 0;

    auto operator<=>(const MarkRule&) const = default;
};

// How VS/TUN packs what it sends to a real server.
struct Tunnel {
    Encapsulation type = Encapsulation::Ipip;
    Port port = 0;                                   // GUE: UDP destination port, never 0
    TunnelChecksum checksum = TunnelChecksum::None;  // GUE, GRE; Remote: GUE

    auto operator<=>(const Tunnel&) const = default;
};

// What fullnat speaks to the real servers of a service from. Each address has all these ports for
// each server.
struct LocalPool {
    std::vector<Address> addresses;
    Port first_port = 1025;
    Port last_port = 65535;
    ClientAddress client_address = ClientAddress::None;

    bool operator==(const LocalPool&) const = default;
};
// So many addresses a service may have.
inline constexpr std::size_t kMostLocalAddresses = 64;

struct RealServer {
    Endpoint address;
    Weight weight = 1;  // 0: quiesced, no new connections
    ForwardingMethod method = ForwardingMethod::Nat;
    Tunnel tunnel{};  // of method Tun
    // Connections from which on it gets no new clients, and below which it does again; upper 0:
    // no limit, lower 0: three quarters of the upper one.
    std::uint32_t upper_threshold = 0;
    std::uint32_t lower_threshold = 0;

    auto operator<=>(const RealServer&) const = default;
};

struct VirtualService {
    ServiceKey key;
    Scheduler scheduler = Scheduler::Wlc;
    std::vector<RealServer> servers;  // in the order they were added
    SchedulerFlags scheduler_flags = {};
    std::optional<Persistence> persistence{};
    bool one_packet = false;  // UDP: every datagram is scheduled anew, no connection stays
    LocalPool local{};
    PersistenceEngine engine = PersistenceEngine::None;

    bool operator==(const VirtualService&) const = default;
};

// What `ipvsadm --set` changes. Defaults as IPVS.
struct Timeouts {
    std::chrono::seconds tcp{900};
    std::chrono::seconds tcp_fin{120};
    std::chrono::seconds udp{300};

    bool operator==(const Timeouts&) const = default;
};

// What lblc and lblcr remember of destinations; IPVS's sysctls of the same names.
struct LocalityExpiry {
    // A destination that nobody asked for so long is forgotten; with lblcr, one whose servers did
    // not change for so long loses the one with the highest load.
    std::chrono::seconds lblc_expiration{std::chrono::hours(24)};
    std::chrono::seconds lblcr_expiration{std::chrono::hours(24)};

    bool operator==(const LocalityExpiry&) const = default;
};

// Ports to which FTP's control connections come (RFC 959), and how many there may be.
inline constexpr Port kFtpPort = 21;
inline constexpr std::size_t kMostFtpPorts = 8;

// The wanted state of the data plane.
struct Forwarding {
    std::vector<VirtualService> services;
    std::optional<Timeouts> timeouts;
    std::optional<Switches> switches{};
    std::optional<LocalityExpiry> locality{};
    std::vector<MarkRule> groups{};  // the packets of named groups
    std::optional<std::vector<Port>> ftp_ports{};

    bool operator==(const Forwarding&) const = default;
};

// ---- one step from one state of the data plane to another ----

struct AddService {
    ServiceKey key;
    Scheduler scheduler = Scheduler::Wlc;
    SchedulerFlags scheduler_flags = {};
    std::optional<Persistence> persistence{};
    bool one_packet = false;
    LocalPool local{};
    PersistenceEngine engine = PersistenceEngine::None;
    bool operator==(const AddService&) const = default;
};
struct EditService {
    ServiceKey key;
    Scheduler scheduler = Scheduler::Wlc;
    SchedulerFlags scheduler_flags = {};
    std::optional<Persistence> persistence{};
    bool one_packet = false;
    LocalPool local{};
    PersistenceEngine engine = PersistenceEngine::None;
    bool operator==(const EditService&) const = default;
};
struct RemoveService {
    ServiceKey key;
    bool operator==(const RemoveService&) const = default;
};
struct AddServer {
    ServiceKey service;
    RealServer server;
    bool operator==(const AddServer&) const = default;
};
struct EditServer {
    ServiceKey service;
    RealServer server;
    bool operator==(const EditServer&) const = default;
};
struct RemoveServer {
    ServiceKey service;
    Endpoint server;
    bool operator==(const RemoveServer&) const = default;
};

// ---- what the data plane reports ----

struct Traffic {
    std::uint64_t connections = 0;
    std::uint64_t in_packets = 0;
    std::uint64_t out_packets = 0;
    std::uint64_t in_bytes = 0;  // from the IP header on
    std::uint64_t out_bytes = 0;
};

// Per second, smoothed as IPVS's estimator does (2 s periods, weight 1/4).
struct Rates {
    std::uint64_t connections = 0;
    std::uint64_t in_packets = 0;
    std::uint64_t out_packets = 0;
    std::uint64_t in_bytes = 0;
    std::uint64_t out_bytes = 0;
};

struct ServerStatus {
    RealServer server;
    std::uint32_t active = 0;  // connections, by IPVS's definition
    std::uint32_t inactive = 0;
    std::uint32_t persistent = 0;  // templates
    bool overloaded = false;       // by its thresholds
    Traffic traffic;
    Rates rates;
};

struct ServiceStatus {
    ServiceKey key;
    Scheduler scheduler = Scheduler::Wlc;
    SchedulerFlags scheduler_flags = {};
    Traffic traffic;
    Rates rates;
    std::vector<ServerStatus> servers;  // newest first, the order of -L --nosort
    std::optional<Persistence> persistence{};
    bool one_packet = false;
    LocalPool local{};
    PersistenceEngine engine = PersistenceEngine::None;
};

// Without the ways of checks.
std::vector<ServiceStatus> without_probes(std::vector<ServiceStatus> services);

// Of a connection, or of a template: client port 0, state "NONE" or "ASSURED".
struct ConnectionStatus {
    Protocol protocol = Protocol::Tcp;
    std::chrono::seconds expires{0};
    std::string state;  // "ESTABLISHED", as -L -c prints it
    Endpoint client;
    Endpoint virtual_address;
    Endpoint server;
    std::optional<std::string> call_id{};  // of a template made with --pe sip
};

struct EventCount {
    std::string name;     // lower case, "half_open_gave_way"
    std::string meaning;  // one clause
    std::uint64_t count = 0;
};

struct VerdictCount {
    std::string name;     // lower case, "no_server"
    std::string meaning;  // one clause
    std::uint64_t packets = 0;
};

}  // namespace isobar::model
