// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/listing.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/scheduler_flags.h"

#include "ipvsadm/values.h"

namespace isobar::ipvsadm {
namespace {

// The tables of -L.
enum class Table : std::uint8_t { Plain, Stats, Rate, Thresholds, Persistent, Tunnels };

Table table_of(const ListOptions& options) {
    if (options.stats) return Table::Stats;
    if (options.rate) return Table::Rate;
    if (options.thresholds) return Table::Thresholds;
    if (options.persistent) return Table::Persistent;
    if (options.tunnels) return Table::Tunnels;
    return Table::Plain;
}

ServiceKind kind_of(model::Protocol protocol) {
    switch (protocol) {
        case model::Protocol::Tcp:
            return ServiceKind::Tcp;
        case model::Protocol::Udp:
            return ServiceKind::Udp;
        case model::Protocol::Sctp:
            return ServiceKind::Sctp;
        case model::Protocol::Any:
            break;
    }
    return ServiceKind::FirewallMark;
}

// Of a connection; a template of a mark is of no protocol.
std::string_view protocol_label(model::Protocol protocol) {
    switch (protocol) {
        case model::Protocol::Tcp:
            return "TCP";
        case model::Protocol::Udp:
            return "UDP";
        case model::Protocol::Sctp:
            return "SCTP";
        case model::Protocol::Any:
            break;
    }
    return "IP";
}

std::string_view service_label(const model::ServiceKey& key) {
    return key.mark != 0 ? "FWM" : protocol_label(key.protocol);
}

std::string endpoint_text(const model::Endpoint& endpoint, model::Protocol protocol, bool numeric,
                          Names& names) {
    if (numeric) return endpoint.text();
    auto host = names.find_host(endpoint.address).value_or(endpoint.address.text());
    if (endpoint.address.family == model::Family::V6) host = "[" + host + "]";
    const auto port = names.find_port_name(endpoint.port, kind_of(protocol));
    return host + ":" + port.value_or(std::to_string(endpoint.port));
}

// Nine columns: as it is, or, from 100 million on, in thousands and so on with a letter.
std::string number(std::uint64_t value, bool exact) {
    if (exact || value < 100'000'000) return fmt::format(" {:8}", value);
    if (value < 1'000'000'000) return fmt::format("{:8}K", value / 1'000);
    if (value < 100'000'000'000) return fmt::format("{:8}M", value / 1'000'000);
    if (value < 100'000'000'000'000) return fmt::format("{:8}G", value / 1'000'000'000);
    return fmt::format("{:8}T", value / 1'000'000'000'000);
}

std::string traffic_columns(const model::Traffic& traffic, bool exact) {
    return number(traffic.connections, exact) + number(traffic.in_packets, exact) +
           number(traffic.out_packets, exact) + number(traffic.in_bytes, exact) +
           number(traffic.out_bytes, exact);
}

// `exact_counts`: connections and packets; ipvsadm never shortens those of a server.
std::string rate_columns(const model::Rates& rates, bool exact_counts, bool exact) {
    return number(rates.connections, exact_counts) + number(rates.in_packets, exact_counts) +
           number(rates.out_packets, exact_counts) + number(rates.in_bytes, exact) +
           number(rates.out_bytes, exact);
}

// " persistent 300 mask 255.255.255.0"; the mask only if a client is more than one address.
std::string persistence_text(const model::ServiceStatus& service, std::string_view timeout_word,
                             std::string_view mask_word) {
    if (!service.persistence) return {};
    const auto& [timeout, prefix] = *service.persistence;
    std::string text = fmt::format(" {} {}", timeout_word, timeout.count());
    const bool ipv4 = service.key.address.address.family == model::Family::V4;
    if (prefix == (ipv4 ? 32 : 128)) return text;
    return text +
           fmt::format(" {} {}", mask_word, ipv4 ? mask_text(prefix) : std::to_string(prefix));
}

// " pe sip"
std::string engine_text(const model::ServiceStatus& service, std::string_view word) {
    if (service.engine == model::PersistenceEngine::None) return {};
    return fmt::format(" {} {}", word, name(service.engine));
}

// "10.0.0.2:80", "5", "5 IPv6"
std::string service_name(const model::ServiceKey& key, bool numeric, Names& names) {
    if (key.mark == 0) return endpoint_text(key.address, key.protocol, numeric, names);
    const bool ipv4 = key.address.address.family == model::Family::V4;
    return std::to_string(key.mark) + (ipv4 ? "" : " IPv6");
}

std::string service_line(const model::ServiceStatus& service, const ListOptions& options,
                         Names& names) {
    const auto label = service_label(service.key);
    const auto address = service_name(service.key, options.numeric, names);
    switch (table_of(options)) {
        case Table::Stats:
            return fmt::format("{:<4} {:<28.28}{}\n", label, address,
                               traffic_columns(service.traffic, options.exact));
        case Table::Rate:
            return fmt::format("{:<4} {:<28.28}{}\n", label, address,
                               rate_columns(service.rates, options.exact, options.exact));
        default:
            return fmt::format("{:<4} {:.28} {}{}{}{}\n", label, address,
                               model::text(service.scheduler, service.scheduler_flags),
                               persistence_text(service, "persistent", "mask"),
                               service.persistence ? engine_text(service, "pe") : "",
                               service.one_packet ? " ops" : "");
    }
}

std::string_view forward_label(const model::RealServer& server) {
    switch (server.method) {
        case model::ForwardingMethod::Nat:
            return "Masq";
        case model::ForwardingMethod::Dr:
            return "Route";
        case model::ForwardingMethod::Tun:
            return "Tunnel";
        case model::ForwardingMethod::FullNat:
            return "FullNat";
    }
    return "?";
}

// As ipvsadm shows --tun-nocsum, --tun-csum, --tun-remcsum.
std::string_view checksum_label(model::TunnelChecksum checksum) {
    switch (checksum) {
        case model::TunnelChecksum::None:
            return "-c";
        case model::TunnelChecksum::Full:
            return "+c";
        case model::TunnelChecksum::Remote:
            return "r+c";
    }
    return "?";
}

// "gue:6080:-c": the port, and that the tunnel has no checksum.
std::string tunnel_label(const model::RealServer& server) {
    if (server.method != model::ForwardingMethod::Tun) return "n/a";
    switch (server.tunnel.type) {
        case model::Encapsulation::Ipip:
            return "ipip";
        case model::Encapsulation::Gue:
            return fmt::format("gue:{}:{}", server.tunnel.port,
                               checksum_label(server.tunnel.checksum));
        case model::Encapsulation::Gre:
            return fmt::format("gre:{}", checksum_label(server.tunnel.checksum));
    }
    return "?";
}

// As -S writes it.
std::string forward_options(const model::RealServer& server) {
    switch (server.method) {
        case model::ForwardingMethod::Nat:
            return "-m";
        case model::ForwardingMethod::Dr:
            return "-g";
        case model::ForwardingMethod::Tun:
            return "-i";
        case model::ForwardingMethod::FullNat:
            return "--fullnat";
    }
    return "?";
}

std::string_view checksum_option(model::TunnelChecksum checksum) {
    switch (checksum) {
        case model::TunnelChecksum::None:
            return "--tun-nocsum";
        case model::TunnelChecksum::Full:
            return "--tun-csum";
        case model::TunnelChecksum::Remote:
            return "--tun-remcsum";
    }
    return "?";
}

std::string tunnel_options(const model::RealServer& server) {
    if (server.method != model::ForwardingMethod::Tun) return "";
    switch (server.tunnel.type) {
        case model::Encapsulation::Ipip:
            return " --tun-type ipip";
        case model::Encapsulation::Gue:
            return fmt::format(" --tun-type gue --tun-port {} {}", server.tunnel.port,
                               checksum_option(server.tunnel.checksum));
        case model::Encapsulation::Gre:
            return fmt::format(" --tun-type gre {}", checksum_option(server.tunnel.checksum));
    }
    return "?";
}

std::string server_columns(const model::ServerStatus& status, const ListOptions& options) {
    const auto weight = status.server.weight;
    switch (table_of(options)) {
        case Table::Stats:
            return traffic_columns(status.traffic, options.exact);
        case Table::Rate:
            return rate_columns(status.rates, true, options.exact);
        case Table::Thresholds:
            return fmt::format(" {:<10} {:<10} {:<10} {:<10}", status.server.upper_threshold,
                               status.server.lower_threshold, status.active, status.inactive);
        case Table::Persistent:
            return fmt::format(" {:<9} {:<11} {:<10} {:<10}", weight, status.persistent,
                               status.active, status.inactive);
        case Table::Tunnels:
            return fmt::format(" {:<7} {:<13} {:<6} {:<10} {:<10}", forward_label(status.server),
                               tunnel_label(status.server), weight, status.active, status.inactive);
        case Table::Plain:
            return fmt::format(" {:<7} {:<6} {:<10} {:<10}", forward_label(status.server), weight,
                               status.active, status.inactive);
    }
    return {};
}

std::string server_line(const model::ServerStatus& status, model::Protocol protocol,
                        const ListOptions& options, Names& names) {
    const auto address = endpoint_text(status.server.address, protocol, options.numeric, names);
    return fmt::format("  -> {:<28.28}{}\n", address, server_columns(status, options));
}

// Below 0: `one` comes first. ipvsadm subtracts addresses by words, and looks at the sign of 32
// bits: those more than half the space apart come in the "wrong" order, 192.168.0.1 before 10.0.0.1
// and fd00::1 before 2001:db8::1. Real servers of one service may be of both families: the first
// one's counts, and the rest of an IPv4 address is 0.
int order(const model::Endpoint& one, const model::Endpoint& other) {
    const auto word = [](const model::Address& address, std::size_t number) {
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 4; ++i) bits = bits << 8 | address.bytes[4 * number + i];
        return bits;
    };
    const std::size_t words = one.address.family == model::Family::V6 ? 4 : 1;
    for (std::size_t i = 0; i < words; ++i)
        if (const auto difference = word(one.address, i) - word(other.address, i); difference != 0)
            return static_cast<std::int32_t>(difference);
    return one.port - other.port;
}

int order(const model::ServiceStatus& one, const model::ServiceStatus& other) {
    const auto& left = one.key;
    const auto& right = other.key;
    if (left.mark != right.mark) return left.mark < right.mark ? -1 : 1;
    if (left.address.address.family != right.address.address.family)
        return left.address.address.family < right.address.address.family ? -1 : 1;
    if (left.protocol != right.protocol) return left.protocol < right.protocol ? -1 : 1;
    return order(left.address, right.address);
}

int order(const model::ServerStatus& one, const model::ServerStatus& other) {
    return order(one.server.address, other.server.address);
}

// Merge sort, as glibc's qsort. Not std::sort: the order above can run in a circle (10.0.0.1,
// 127.0.0.1, 200.0.0.1), and that is undefined behaviour for the algorithms of std.
template <typename T>
void merge_sort(std::span<T> items) {
    if (items.size() < 2) return;
    const auto left = items.first(items.size() / 2);
    const auto right = items.subspan(left.size());
    merge_sort(left);
    merge_sort(right);

    std::vector<T> merged;
    merged.reserve(items.size());
    auto l = left.begin();
    auto r = right.begin();
    while (l != left.end() && r != right.end()) {
        merged.push_back(std::move(order(*l, *r) > 0 ? *r++ : *l++));
    }
    std::move(l, left.end(), std::back_inserter(merged));
    std::move(r, right.end(), std::back_inserter(merged));
    std::move(merged.begin(), merged.end(), items.begin());
}

}  // namespace

void sort_services(std::vector<model::ServiceStatus>& services) {
    merge_sort(std::span(services));
    for (auto& service : services) merge_sort(std::span(service.servers));
}

// The version of IPVS whose behaviour this is, and the size of its hash table: scripts look
// at this line, so it stays as it is, though our table has no such size.
std::string version_header() {
    return "IP Virtual Server version 1.2.1 (size=4096)\n";
}

std::string column_header(const ListOptions& options) {
    switch (table_of(options)) {
        case Table::Stats:
            return "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes "
                   "OutBytes\n"
                   "  -> RemoteAddress:Port\n";
        case Table::Rate:
            return "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   "
                   "OutBPS\n"
                   "  -> RemoteAddress:Port\n";
        case Table::Thresholds:
            return "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n"
                   "  -> RemoteAddress:Port\n";
        case Table::Persistent:
            return "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n"
                   "  -> RemoteAddress:Port\n";
        case Table::Tunnels:
            return "Prot LocalAddress:Port Scheduler Flags\n"
                   "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn "
                   "InActConn\n";
        case Table::Plain:
            return "Prot LocalAddress:Port Scheduler Flags\n"
                   "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
    }
    return {};
}

std::string list_service(const model::ServiceStatus& service, const ListOptions& options,
                         Names& names) {
    std::string text = service_line(service, options, names);
    for (const auto& server : service.servers) {
        text += server_line(server, service.key.protocol, options, names);
    }
    return text;
}

std::string list_connections(std::span<const model::ConnectionStatus> connections,
                             const ListOptions& options, Names& names) {
    std::string text =
        "IPVS connection entries\n"
        "pro expire state       source             virtual            destination";
    text += options.persistent ? "        pe name          pe_data\n" : "\n";
    for (const auto& connection : connections) {
        const auto endpoint = [&](const model::Endpoint& which) {
            return endpoint_text(which, connection.protocol, options.numeric, names);
        };
        const auto seconds = connection.expires.count();
        const auto expires = fmt::format("{:02}:{:02}", seconds / 60, seconds % 60);
        text += fmt::format("{:<3} {:<6} {:<11} {:<18} {:<18} ",
                            protocol_label(connection.protocol), expires, connection.state,
                            endpoint(connection.client), endpoint(connection.virtual_address));
        const auto server = endpoint(connection.server);
        if (options.persistent && connection.call_id)
            text += fmt::format("{:<16} {:<18} {}", server, name(model::PersistenceEngine::Sip),
                                *connection.call_id);
        else
            text += server;
        text += '\n';
    }
    return text;
}

std::string list_switches(const model::Switches& switches) {
    std::string text;
    for (const auto& [name, value, most] : model::kSwitches)
        text += fmt::format("net.ipv4.vs.{} = {}\n", name, switches.*value);
    return text;
}

std::string list_timeouts(const model::Timeouts& timeouts) {
    return fmt::format("Timeout (tcp tcpfin udp): {} {} {}\n", timeouts.tcp.count(),
                       timeouts.tcp_fin.count(), timeouts.udp.count());
}

namespace {

// "-t 10.0.0.2:80", "-f 5 -6"
std::string service_option(const model::ServiceKey& key, bool numeric, Names& names) {
    if (key.mark != 0) {
        const bool ipv4 = key.address.address.family == model::Family::V4;
        return fmt::format("-f {}{}", key.mark, ipv4 ? "" : " -6");
    }
    const char* option = "-t";
    if (key.protocol == model::Protocol::Udp) option = "-u";
    if (key.protocol == model::Protocol::Sctp) option = "--sctp-service";
    return fmt::format("{} {}", option, endpoint_text(key.address, key.protocol, numeric, names));
}

std::string threshold_options(const model::RealServer& server) {
    if (server.upper_threshold == 0 && server.lower_threshold == 0) return "";
    return fmt::format(" -x {} -y {}", server.upper_threshold, server.lower_threshold);
}

// Only what is not the default: ipvsadm knows none of these.
std::string local_options(const model::LocalPool& local) {
    const model::LocalPool none;
    std::string text;
    if (!local.addresses.empty()) {
        std::vector<std::string> addresses;
        for (const auto& address : local.addresses) addresses.push_back(address.text());
        text += fmt::format(" --local-address {}", fmt::join(addresses, ","));
    }
    if (local.first_port != none.first_port || local.last_port != none.last_port)
        text += fmt::format(" --local-ports {}-{}", local.first_port, local.last_port);
    if (local.client_address != none.client_address)
        text += fmt::format(" --client-address {}", model::name(local.client_address));
    return text;
}

}  // namespace

std::string save_service(const model::ServiceStatus& service, const ListOptions& options,
                         Names& names) {
    const auto protocol = service.key.protocol;
    const auto key = service_option(service.key, options.numeric, names);
    std::string text = fmt::format("-A {} -s {}{}{}{}", key, model::name(service.scheduler),
                                   persistence_text(service, "-p", "-M"),
                                   engine_text(service, "--pe"), service.one_packet ? " -o" : "");
    const auto flags = model::names(service.scheduler, service.scheduler_flags);
    if (!flags.empty()) text += fmt::format(" -b {}", fmt::join(flags, ","));
    text += local_options(service.local) + '\n';
    for (const auto& status : service.servers) {
        const auto& server = status.server;
        text += fmt::format("-a {} -r {} {} -w {}{}{}\n", key,
                            endpoint_text(server.address, protocol, options.numeric, names),
                            forward_options(server), server.weight, tunnel_options(server),
                            options.thresholds ? threshold_options(server) : "");
    }
    return text;
}

}  // namespace isobar::ipvsadm
