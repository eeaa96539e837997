// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/command_line.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "ipvsadm/option_reader.h"
#include "ipvsadm/option_rules.h"
#include "ipvsadm/values.h"

namespace isobar::ipvsadm {
namespace {

constexpr std::int64_t kMaxTimeout = 31L * 86400;
constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMaxMark = std::numeric_limits<std::uint32_t>::max();
constexpr std::int64_t kMaxSyncMessage = 65507;  // what a UDP datagram over IPv4 holds
constexpr std::chrono::seconds kDefaultPersistence{360};
constexpr std::string_view kSysctlPrefix = "net.ipv4.vs.";

using Outcome = tl::expected<void, UsageError>;

tl::unexpected<UsageError> mistake(std::string message) {
    return tl::unexpected(UsageError{std::move(message)});
}

// Reads the words from left to right, then checks what they add up to.
class Parser {
public:
    Parser(const std::string& program, std::vector<std::string> words, Names& names)
        : program_(program), reader_(std::move(words)), names_(names) {}

    tl::expected<Command, UsageError> parse();

private:
    Outcome read_command();
    Outcome read_options();
    Outcome read_option(const GivenOption& option);
    Outcome read_value(Flag flag, const std::string& value);
    Outcome read_service_option(Flag flag, const std::string& value);
    Outcome read_server_option(Flag flag, const std::string& value);
    Outcome read_list_option(Flag flag);
    Outcome read_daemon_option(Flag flag, const std::string& value);
    Outcome read_endpoint_service(ServiceKind kind, const std::string& value);
    Outcome read_mark(const std::string& value);
    Outcome read_persistence(const std::string& value);
    Outcome read_netmask(const std::string& value);
    Outcome read_local_addresses(const std::string& value);
    Outcome read_local_ports(const std::string& value);
    Outcome read_client_address(const std::string& value);
    Outcome read_real_server(const std::string& value);
    Outcome read_tunnel_type(const std::string& value);
    Outcome read_tunnel_port(const std::string& value);
    Outcome read_daemon_role(const std::string& value);
    Outcome read_group(const std::string& value);
    Outcome read_timeouts();
    Outcome read_switch(const std::string& word);
    Outcome check_others();
    Outcome check_service();
    Outcome check_server();
    void complete_server_port();

    const std::string& program_;
    OptionReader reader_;
    Names& names_;
    Command command_;
    OptionSet given_;
};

tl::expected<Command, UsageError> Parser::parse() {
    auto outcome = read_command();
    const Action action = command_.action;
    if (action == Action::Help || action == Action::Version) return command_;

    if (outcome) outcome = read_options();
    if (outcome && action == Action::SetTimeouts) outcome = read_timeouts();
    if (action == Action::SetSwitches)
        for (const std::string& word : reader_.others())
            if (outcome) outcome = read_switch(word);
    if (outcome) outcome = check_others();
    if (outcome && (action == Action::AddService || action == Action::EditService)) {
        outcome = check_service();
    }
    if (outcome && (action == Action::AddServer || action == Action::EditServer)) {
        outcome = check_server();
    }
    if (!outcome) return tl::unexpected(std::move(outcome).error());
    complete_server_port();
    return command_;
}

Outcome Parser::read_command() {
    const auto first = reader_.next();
    const auto* option = std::get_if<GivenOption>(&first);
    const auto* action = option ? std::get_if<Action>(&option->meaning) : nullptr;
    if (action == nullptr) return tl::unexpected(unknown_command(program_));

    command_.action = *action;
    const bool of_daemon = *action == Action::StartDaemon || *action == Action::StopDaemon;
    if (of_daemon) return read_daemon_role(option->value.value_or(""));
    return *action == Action::SetSwitches ? read_switch(option->value.value_or("")) : Outcome();
}

Outcome Parser::read_options() {
    for (;;) {
        const auto next = reader_.next();
        if (std::holds_alternative<OptionReader::End>(next)) return {};
        if (const auto* fault = std::get_if<OptionFault>(&next)) {
            return tl::unexpected(UsageError{fault->message, 255, false});
        }
        auto outcome = read_option(std::get<GivenOption>(next));
        if (!outcome) return outcome;
    }
}

Outcome Parser::read_option(const GivenOption& option) {
    const auto* flag = std::get_if<Flag>(&option.meaning);
    if (flag == nullptr) return mistake(fmt::format("invalid option `{}'", reader_.last_word()));
    if (option.name) {
        if (given_.has(*option.name)) {
            return mistake(fmt::format("multiple '{}' options specified", name(*option.name)));
        }
        given_.insert(*option.name);
    }
    if (*flag == Flag::Persistent && !option.value) {  // -p alone can be without a value
        command_.persistence = kDefaultPersistence;
        return {};
    }
    return read_value(*flag, option.value.value_or(""));
}

Outcome Parser::read_value(Flag flag, const std::string& value) {
    if (flag <= Flag::SchedulerFlags) return read_service_option(flag, value);
    if (flag <= Flag::TunnelRemoteChecksum) return read_server_option(flag, value);
    if (flag <= Flag::Sort) return read_list_option(flag);
    return read_daemon_option(flag, value);
}

// ---- services ----

Outcome Parser::read_service_option(Flag flag, const std::string& value) {
    switch (flag) {
        case Flag::TcpService:
            return read_endpoint_service(ServiceKind::Tcp, value);
        case Flag::UdpService:
            return read_endpoint_service(ServiceKind::Udp, value);
        case Flag::SctpService:
            return read_endpoint_service(ServiceKind::Sctp, value);
        case Flag::FirewallMark:
            return read_mark(value);
        case Flag::Ipv6:
            if (!command_.service || command_.service->kind != ServiceKind::FirewallMark) {
                return mistake("-6 used before -f\n");
            }
            command_.service->address.address.family = model::Family::V6;
            break;
        case Flag::Scheduler:
            if (!value.empty()) command_.scheduler = value;
            break;
        case Flag::Persistent:
            return read_persistence(value);
        case Flag::Netmask:
            return read_netmask(value);
        case Flag::Engine:
            command_.persistence_engine = value;
            break;
        case Flag::OnePacket:
            command_.one_packet = true;
            break;
        case Flag::SchedulerFlags:
            command_.scheduler_flags = value;
            break;
        case Flag::LocalAddress:
            return read_local_addresses(value);
        case Flag::LocalPorts:
            return read_local_ports(value);
        case Flag::ClientAddress:
            return read_client_address(value);
        default:
            break;
    }
    return {};
}

Outcome Parser::read_endpoint_service(ServiceKind kind, const std::string& value) {
    const auto endpoint = parse_endpoint(value, kind, names_);
    if (!endpoint) return mistake("illegal virtual server address[:port] specified");
    command_.service = ServiceName{.kind = kind, .address = *endpoint};
    return {};
}

Outcome Parser::read_mark(const std::string& value) {
    const auto mark = parse_number(value, 1, kMaxMark);
    if (!mark) return mistake(fmt::format("invalid fwmark value `{}' specified", value));
    command_.service = ServiceName{.kind = ServiceKind::FirewallMark,
                                   .address = {},
                                   .mark = static_cast<std::uint32_t>(*mark)};
    return {};
}

Outcome Parser::read_persistence(const std::string& value) {
    const auto seconds = parse_number(value, 1, kMaxTimeout);
    if (!seconds) return mistake(fmt::format("invalid timeout value `{}' specified", value));
    command_.persistence = std::chrono::seconds(*seconds);
    return {};
}

// The family is known only if the service stands before.
Outcome Parser::read_netmask(const std::string& value) {
    const bool ipv6 =
        command_.service && command_.service->address.address.family == model::Family::V6;
    if (ipv6) {
        const auto length = parse_number(value, 1, 128);
        if (!length) return mistake("illegal ipv6 netmask specified");
        command_.prefix = static_cast<std::uint8_t>(*length);
        return {};
    }
    const auto mask = parse_ipv4(value);
    if (!mask) return mistake("illegal virtual server persistent mask specified");
    command_.prefix = prefix_of_mask(*mask);
    command_.mask_with_holes = !command_.prefix;
    return {};
}

// ---- fullnat ----

// "192.168.10.2,192.168.10.3"
Outcome Parser::read_local_addresses(const std::string& value) {
    for (std::size_t from = 0; from <= value.size();) {
        const auto comma = std::min(value.find(',', from), value.size());
        const auto address = model::Address::parse(value.substr(from, comma - from));
        if (!address) return mistake("illegal local-address specified");
        command_.local.addresses.push_back(*address);
        from = comma + 1;
    }
    return {};
}

// "1025-65535"
Outcome Parser::read_local_ports(const std::string& value) {
    const auto dash = std::min(value.find('-'), value.size());
    const auto first = parse_number(value.substr(0, dash), 1, 65535);
    const auto last = parse_number(value.substr(std::min(dash + 1, value.size())), 1, 65535);
    if (!first || !last || *first > *last) return mistake("illegal local-ports specified");
    command_.local.first_port = static_cast<model::Port>(*first);
    command_.local.last_port = static_cast<model::Port>(*last);
    return {};
}

Outcome Parser::read_client_address(const std::string& value) {
    using enum model::ClientAddress;
    for (const auto way : {None, Toa, Proxy}) {
        if (value != model::name(way)) continue;
        command_.local.client_address = way;
        return {};
    }
    return mistake("illegal client-address specified");
}

// ---- real servers ----

Outcome Parser::read_server_option(Flag flag, const std::string& value) {
    const auto number = [&](std::int64_t least, std::int64_t most, std::string_view what,
                            std::uint32_t& into) -> Outcome {
        const auto parsed = parse_number(value, least, most);
        if (!parsed) return mistake(fmt::format("illegal {} specified", what));
        into = static_cast<std::uint32_t>(*parsed);
        return {};
    };
    const auto forward = [&](model::ForwardingMethod method) {
        command_.forward = method;
        return Outcome();
    };
    switch (flag) {
        case Flag::RealServer:
            return read_real_server(value);
        case Flag::Route:
            return forward(model::ForwardingMethod::Dr);
        case Flag::Tunnel:
            return forward(model::ForwardingMethod::Tun);
        case Flag::Masquerade:
            return forward(model::ForwardingMethod::Nat);
        case Flag::FullNat:
            return forward(model::ForwardingMethod::FullNat);
        case Flag::Weight:
            return number(0, kMaxInt, "weight", command_.weight);
        case Flag::UpperThreshold:
            return number(0, kMaxInt, "u_threshold", command_.upper_threshold);
        case Flag::LowerThreshold:
            return number(0, kMaxInt, "l_threshold", command_.lower_threshold);
        case Flag::TunnelType:
            return read_tunnel_type(value);
        case Flag::TunnelPort:
            return read_tunnel_port(value);
        case Flag::TunnelChecksum:
            command_.tunnel.checksum = model::TunnelChecksum::Full;
            return {};
        case Flag::TunnelRemoteChecksum:
            command_.tunnel.checksum = model::TunnelChecksum::Remote;
            return {};
        default:
            return {};
    }
}

// A port by name has a meaning only if the service stands before.
Outcome Parser::read_real_server(const std::string& value) {
    std::optional<ServiceKind> kind;
    if (command_.service) kind = command_.service->kind;
    command_.server = parse_endpoint(value, kind, names_);
    if (!command_.server) return mistake("illegal real server address[:port] specified");
    return {};
}

Outcome Parser::read_tunnel_type(const std::string& value) {
    using enum model::Encapsulation;
    for (const auto type : {Ipip, Gue, Gre}) {
        if (value != model::name(type)) continue;
        command_.tunnel.type = type;
        return {};
    }
    return mistake("illegal tunnel type specified");
}

Outcome Parser::read_tunnel_port(const std::string& value) {
    const auto port = parse_number(value, 1, 65535);
    if (!port) return mistake("illegal tunnel port specified");
    command_.tunnel.port = static_cast<model::Port>(*port);
    return {};
}

// ---- listing ----

Outcome Parser::read_list_option(Flag flag) {
    ListOptions& list = command_.list;
    switch (flag) {
        case Flag::Numeric:
            list.numeric = true;
            break;
        case Flag::Connections:
            list.connections = true;
            break;
        case Flag::Timeouts:
            list.timeouts = true;
            break;
        case Flag::Daemon:
            list.daemon = true;
            break;
        case Flag::Stats:
            list.stats = true;
            break;
        case Flag::Rate:
            list.rate = true;
            break;
        case Flag::Exact:
            list.exact = true;
            break;
        case Flag::Thresholds:
            list.thresholds = true;
            break;
        case Flag::PersistentConnections:
            list.persistent = true;
            break;
        case Flag::TunnelInfo:
            list.tunnels = true;
            break;
        case Flag::NoSort:
            list.sorted = false;
            break;
        default:  // --sort: as without
            break;
    }
    return {};
}

// ---- --set, the sync daemon ----

Outcome Parser::read_timeouts() {
    const auto& words = reader_.others();
    if (words.size() < 3) return mistake("--set option requires 3 timeout values");
    const std::array<std::chrono::seconds*, 3> values = {
        &command_.timeouts.tcp, &command_.timeouts.tcp_fin, &command_.timeouts.udp};
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto seconds = parse_number(words[i], 0, kMaxTimeout);
        if (!seconds) return mistake(fmt::format("invalid timeout value `{}' specified", words[i]));
        *values[i] = std::chrono::seconds(*seconds);
    }
    return {};
}

// "sloppy_tcp=1", or a line for sysctl: "net.ipv4.vs.sloppy_tcp=1".
Outcome Parser::read_switch(const std::string& word) {
    std::string_view name(word);
    const auto equals = name.find('=');
    if (equals == std::string_view::npos)
        return mistake(fmt::format("`{}' is not NAME=VALUE", word));
    const std::string value(name.substr(equals + 1));
    name = name.substr(0, equals);
    if (name.starts_with(kSysctlPrefix)) name.remove_prefix(kSysctlPrefix.size());
    const model::SwitchSpec* spec = model::switch_named(name);
    if (spec == nullptr) return mistake(fmt::format("unknown switch `{}'", name));
    const auto number = parse_number(value, 0, spec->most);
    if (!number)
        return mistake(fmt::format("{}: `{}' is not within 0 to {}", name, value, spec->most));
    command_.switches.push_back({spec->value, static_cast<std::uint16_t>(*number)});
    return {};
}

Outcome Parser::read_daemon_role(const std::string& value) {
    const bool starts = command_.action == Action::StartDaemon;
    if (value != "master" && value != "backup") {
        return mistake(fmt::format("illegal {} specified",
                                   starts ? "start-daemon parameter" : "start_daemon"));
    }
    command_.daemon = value == "master" ? DaemonRole::Master : DaemonRole::Backup;
    return {};
}

// Checked, not kept: there is no sync daemon yet.
Outcome Parser::read_daemon_option(Flag flag, const std::string& value) {
    const auto number = [&](std::int64_t least, std::int64_t most, OptionName of) -> Outcome {
        if (parse_number(value, least, most)) return {};
        return mistake(fmt::format("illegal {} specified", name(of)));
    };
    switch (flag) {
        case Flag::SyncId:
            return number(0, 255, OptionName::SyncId);
        case Flag::SyncMaxLength:
            return number(1, kMaxSyncMessage, OptionName::SyncMaxLength);
        case Flag::McastPort:
            return number(1, 65535, OptionName::McastPort);
        case Flag::McastTtl:
            return number(1, 255, OptionName::McastTtl);
        case Flag::McastGroup:
            return read_group(value);
        default:
            return {};
    }
}

Outcome Parser::read_group(const std::string& value) {
    const bool ipv6 = value.find(':') != std::string::npos;
    const auto address = ipv6 ? model::Address::parse(value) : parse_ipv4(value);
    if (address && is_multicast(*address)) return {};
    return mistake(fmt::format("invalid IPv{} mcast-group `{}'", ipv6 ? 6 : 4, value));
}

// ---- what the options add up to ----

Outcome Parser::check_others() {
    const std::size_t wanted = command_.action == Action::SetTimeouts ? 3 : 0;
    const auto& words = reader_.others();
    if (command_.action != Action::SetSwitches && words.size() > wanted) {
        return mistake(fmt::format("unexpected argument {}", words[wanted]));
    }
    auto flag_mistake = find_flag_mistake(command_.scheduler_flags, command_.scheduler);
    if (flag_mistake) return mistake(std::move(*flag_mistake));
    auto violation = find_violation(command_.action, given_);
    if (violation) return mistake(std::move(*violation));
    return {};
}

Outcome Parser::check_service() {
    assert(command_.service);
    const ServiceName& service = *command_.service;
    const bool of_mark = service.kind == ServiceKind::FirewallMark;
    if (!of_mark && service.address.port == 0 && !command_.persistence) {
        return mistake("Zero port specified for non-persistent service");
    }
    if (command_.one_packet && !of_mark && service.kind != ServiceKind::Udp) {
        return mistake("One-Packet Scheduling is only for UDP virtual services");
    }
    return {};
}

Outcome Parser::check_server() {
    assert(command_.service && command_.server);
    const ServiceName& service = *command_.service;
    const model::Endpoint& server = *command_.server;
    const bool tunnel = command_.forward == model::ForwardingMethod::Tun;
    if (!tunnel && server.address.family != service.address.address.family) {
        return mistake("Different address family is allowed only for tunneling servers");
    }
    constexpr OptionSet kTunnelOptions{OptionName::TunnelKind, OptionName::TunnelPort,
                                       OptionName::TunnelNoChecksum, OptionName::TunnelChecksum,
                                       OptionName::TunnelRemoteChecksum};
    if (!tunnel && given_.has_any(kTunnelOptions)) {
        return mistake("Tunnel options conflict with forward method");
    }
    if (!tunnel) return {};
    auto violation = find_tunnel_violation(command_.tunnel.type, given_);
    if (violation) return mistake(std::move(*violation));
    return {};
}

// -r without a port is at the service's; so is, by their nature, any server that gets
// packets with the service's address still in them (-g, -i), whatever -r says.
void Parser::complete_server_port() {
    if (!command_.server || !command_.service) return;
    if (command_.service->kind == ServiceKind::FirewallMark) return;
    const bool same_port =
        command_.action != Action::DeleteServer && !model::rewrites(command_.forward);
    if (same_port || command_.server->port == 0) {
        command_.server->port = command_.service->address.port;
    }
}

}  // namespace

UsageError unknown_command(const std::string& program) {
    return {.message = fmt::format("Try `{0} -h' or '{0} --help' for more information.", program),
            .exit_code = 255};
}

tl::expected<Command, UsageError> parse_command_line(const std::string& program,
                                                     std::vector<std::string> words, Names& names) {
    if (words.empty()) return Command{};
    return Parser(program, std::move(words), names).parse();
}

}  // namespace isobar::ipvsadm
