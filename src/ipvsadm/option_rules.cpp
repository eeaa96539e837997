// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/option_rules.h"

#include <array>

#include <fmt/format.h>

namespace isobar::ipvsadm {
namespace {

using enum OptionName;

constexpr std::array<std::string_view, kOptionNames> kNames = {
    "numeric",
    "connection",
    "service-address",
    "scheduler",
    "persistent",
    "netmask",
    "real-server",
    "forwarding-method",
    "weight",
    "u-threshold",
    "l-threshold",
    "mcast-interface",
    "timeout",
    "daemon",
    "stats",
    "rate",
    "thresholds",
    "persistent-conn",
    "nosort",
    "syncid",
    "exact",
    "ops",
    "pe",
    "sched-flags",
    "mcast-group",
    "mcast-port",
    "mcast-ttl",
    "sync-maxlen",
    "tun-info",
    "tun-type",
    "tun-port",
    "tun-nocsum",
    "tun-csum",
    "tun-remcsum",
    "local-address",
    "local-ports",
    "client-address",
};

struct Rule {
    OptionSet needed;
    OptionSet allowed;    // beside the needed ones
    OptionSet exclusive;  // of the allowed ones: one of these at most
};

constexpr OptionSet kServiceOptions{Scheduler,      Persistent,   Netmask,    OnePacket,    Engine,
                                    SchedulerFlags, LocalAddress, LocalPorts, ClientAddress};
constexpr OptionSet kServerOptions{ForwardingMethod, Weight,         UpperThreshold,
                                   LowerThreshold,   TunnelKind,     TunnelPort,
                                   TunnelNoChecksum, TunnelChecksum, TunnelRemoteChecksum};
constexpr OptionSet kListOptions{Numeric, Connection, ServiceAddress, Timeout,        Daemon,
                                 Stats,   Rate,       Thresholds,     PersistentConn, NoSort,
                                 SyncId,  Exact,      TunnelInfo};
// What -L shows: connections, one service, timeouts or daemons.
constexpr OptionSet kListSubjects{Connection, ServiceAddress, Timeout, Daemon};
constexpr OptionSet kDaemonOptions{McastInterface, SyncId,   McastGroup,
                                   McastPort,      McastTtl, SyncMaxLength};

Rule rule_of(Action action) {
    switch (action) {
        case Action::AddService:
        case Action::EditService:
            return {OptionSet(ServiceAddress), kServiceOptions, {}};
        case Action::DeleteService:
            return {OptionSet(ServiceAddress), {}, {}};
        case Action::AddServer:
        case Action::EditServer:
            return {OptionSet(ServiceAddress, RealServer), kServerOptions, {}};
        case Action::DeleteServer:
            return {OptionSet(ServiceAddress, RealServer), {}, {}};
        case Action::Save:
            return {{}, OptionSet(Numeric, Thresholds), {}};  // ipvsadm saves no thresholds
        case Action::List:
            return {{}, kListOptions, kListSubjects};
        case Action::Zero:
            return {{}, OptionSet(ServiceAddress), {}};
        case Action::StartDaemon:
            return {{}, kDaemonOptions, {}};
        case Action::StopDaemon:
            return {{}, OptionSet(SyncId), {}};
        case Action::Clear:
        case Action::Restore:
        case Action::SetTimeouts:
        case Action::SetSwitches:
        case Action::ListSwitches:
        case Action::Help:
        case Action::Version:
            return {};
    }
    return {};
}

Rule rule_of(model::Encapsulation type) {
    constexpr OptionSet kGre{TunnelNoChecksum, TunnelChecksum};
    constexpr OptionSet kGue{TunnelNoChecksum, TunnelChecksum, TunnelRemoteChecksum};
    switch (type) {
        case model::Encapsulation::Ipip:
            return {};
        case model::Encapsulation::Gue:
            return {OptionSet(TunnelPort), kGue, kGue};
        case model::Encapsulation::Gre:
            return {{}, kGre, kGre};
    }
    return {};
}

// Goes through the options from `first` on. `place`: "'list' command", "'gue' tunnel type".
std::optional<std::string> find_breach(const Rule& rule, OptionName first, OptionSet given,
                                       std::string_view place) {
    std::optional<OptionName> exclusive;
    for (auto i = static_cast<unsigned>(first); i < kOptionNames; ++i) {
        const auto option = static_cast<OptionName>(i);
        const bool needed = rule.needed.has(option);
        if (!given.has(option)) {
            if (!needed) continue;
            return fmt::format("You need to supply the '{}' option for the {}", name(option),
                               place);
        }
        if (!needed && !rule.allowed.has(option)) {
            return fmt::format("Illegal '{}' option with the {}", name(option), place);
        }
        if (!rule.exclusive.has(option)) continue;
        if (exclusive) {
            return fmt::format("The option '{}' conflicts with the '{}' option in the {}",
                               name(option), name(*exclusive), place);
        }
        exclusive = option;
    }
    return std::nullopt;
}

bool is_list_conflict(OptionSet given) {
    const bool counters = given.has_any(OptionSet(Stats, Rate, Thresholds));
    if (given.has(Connection)) return counters;
    if (!given.has_any(OptionSet(Timeout, Daemon))) return false;
    return counters || given.has(PersistentConn);
}

}  // namespace

std::string_view name(OptionName option) {
    return kNames.at(static_cast<std::size_t>(option));
}

std::string_view name(Action action) {
    switch (action) {
        case Action::AddService:
            return "add-service";
        case Action::EditService:
            return "edit-service";
        case Action::DeleteService:
            return "delete-service";
        case Action::Clear:
            return "flush";
        case Action::Restore:
            return "restore";
        case Action::Save:
            return "save";
        case Action::AddServer:
            return "add-server";
        case Action::EditServer:
            return "edit-server";
        case Action::DeleteServer:
            return "delete-server";
        case Action::List:
            return "list";
        case Action::Zero:
            return "zero";
        case Action::SetTimeouts:
            return "set";
        case Action::SetSwitches:
            return "set-switch";
        case Action::ListSwitches:
            return "switches";
        case Action::StartDaemon:
            return "start-daemon";
        case Action::StopDaemon:
            return "stop-daemon";
        case Action::Help:
            return "help";
        case Action::Version:
            return "version";
    }
    return "?";
}

std::optional<std::string> find_violation(Action action, OptionSet given) {
    const std::string place = fmt::format("'{}' command", name(action));
    auto breach = find_breach(rule_of(action), OptionName{}, given, place);
    if (!breach && action == Action::List && is_list_conflict(given)) {
        breach = "options conflicts in the list command";
    }
    return breach;
}

std::optional<std::string> find_tunnel_violation(model::Encapsulation type, OptionSet given) {
    const std::string place = fmt::format("'{}' tunnel type", model::name(type));
    return find_breach(rule_of(type), TunnelPort, given, place);
}

}  // namespace isobar::ipvsadm
