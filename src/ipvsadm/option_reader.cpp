// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/option_reader.h"

#include <algorithm>
#include <array>

namespace isobar::ipvsadm {

enum class Value : std::uint8_t { None, Optional, Required };

struct OptionSpec {
    char letter;  // 0: none
    std::string_view name;
    std::variant<Action, Flag> meaning;
    std::optional<OptionName> counts_as;
    Value value = Value::None;
};

namespace {

constexpr std::array kOptions = {
    OptionSpec{'A', "add-service", Action::AddService, {}},
    OptionSpec{'E', "edit-service", Action::EditService, {}},
    OptionSpec{'D', "delete-service", Action::DeleteService, {}},
    OptionSpec{'C', "clear", Action::Clear, {}},
    OptionSpec{'R', "restore", Action::Restore, {}},
    OptionSpec{'S', "save", Action::Save, {}},
    OptionSpec{'a', "add-server", Action::AddServer, {}},
    OptionSpec{'e', "edit-server", Action::EditServer, {}},
    OptionSpec{'d', "delete-server", Action::DeleteServer, {}},
    OptionSpec{'L', "list", Action::List, {}},
    OptionSpec{'l', "list", Action::List, {}},
    OptionSpec{'Z', "zero", Action::Zero, {}},
    OptionSpec{0, "set", Action::SetTimeouts, {}},
    OptionSpec{0, "set-switch", Action::SetSwitches, {}, Value::Required},
    OptionSpec{0, "switches", Action::ListSwitches, {}},
    OptionSpec{0, "start-daemon", Action::StartDaemon, {}, Value::Required},
    OptionSpec{0, "stop-daemon", Action::StopDaemon, {}, Value::Required},
    OptionSpec{'h', "help", Action::Help, {}},
    OptionSpec{'v', "version", Action::Version, {}},
    OptionSpec{'t', "tcp-service", Flag::TcpService, OptionName::ServiceAddress, Value::Required},
    OptionSpec{'u', "udp-service", Flag::UdpService, OptionName::ServiceAddress, Value::Required},
    OptionSpec{0, "sctp-service", Flag::SctpService, OptionName::ServiceAddress, Value::Required},
    OptionSpec{'f', "fwmark-service", Flag::FirewallMark, OptionName::ServiceAddress,
               Value::Required},
    OptionSpec{'6', "ipv6", Flag::Ipv6, {}},
    OptionSpec{'s', "scheduler", Flag::Scheduler, OptionName::Scheduler, Value::Required},
    OptionSpec{'p', "persistent", Flag::Persistent, OptionName::Persistent, Value::Optional},
    OptionSpec{'M', "netmask", Flag::Netmask, OptionName::Netmask, Value::Required},
    OptionSpec{0, "pe", Flag::Engine, OptionName::Engine, Value::Required},
    OptionSpec{'o', "ops", Flag::OnePacket, OptionName::OnePacket},
    OptionSpec{'b', "sched-flags", Flag::SchedulerFlags, OptionName::SchedulerFlags,
               Value::Required},
    OptionSpec{0, "local-address", Flag::LocalAddress, OptionName::LocalAddress, Value::Required},
    OptionSpec{0, "local-ports", Flag::LocalPorts, OptionName::LocalPorts, Value::Required},
    OptionSpec{0, "client-address", Flag::ClientAddress, OptionName::ClientAddress,
               Value::Required},
    OptionSpec{'r', "real-server", Flag::RealServer, OptionName::RealServer, Value::Required},
    OptionSpec{'g', "gatewaying", Flag::Route, OptionName::ForwardingMethod},
    OptionSpec{'i', "ipip", Flag::Tunnel, OptionName::ForwardingMethod},
    OptionSpec{'m', "masquerading", Flag::Masquerade, OptionName::ForwardingMethod},
    OptionSpec{0, "fullnat", Flag::FullNat, OptionName::ForwardingMethod},
    OptionSpec{'w', "weight", Flag::Weight, OptionName::Weight, Value::Required},
    OptionSpec{'x', "u-threshold", Flag::UpperThreshold, OptionName::UpperThreshold,
               Value::Required},
    OptionSpec{'y', "l-threshold", Flag::LowerThreshold, OptionName::LowerThreshold,
               Value::Required},
    OptionSpec{0, "tun-type", Flag::TunnelType, OptionName::TunnelKind, Value::Required},
    OptionSpec{0, "tun-port", Flag::TunnelPort, OptionName::TunnelPort, Value::Required},
    OptionSpec{0, "tun-nocsum", Flag::TunnelNoChecksum, OptionName::TunnelNoChecksum},
    OptionSpec{0, "tun-csum", Flag::TunnelChecksum, OptionName::TunnelChecksum},
    OptionSpec{0, "tun-remcsum", Flag::TunnelRemoteChecksum, OptionName::TunnelRemoteChecksum},
    OptionSpec{'n', "numeric", Flag::Numeric, OptionName::Numeric},
    OptionSpec{'c', "connection", Flag::Connections, OptionName::Connection},
    OptionSpec{0, "timeout", Flag::Timeouts, OptionName::Timeout},
    OptionSpec{0, "daemon", Flag::Daemon, OptionName::Daemon},
    OptionSpec{0, "stats", Flag::Stats, OptionName::Stats},
    OptionSpec{0, "rate", Flag::Rate, OptionName::Rate},
    OptionSpec{'X', "exact", Flag::Exact, OptionName::Exact},
    OptionSpec{0, "thresholds", Flag::Thresholds, OptionName::Thresholds},
    OptionSpec{0, "persistent-conn", Flag::PersistentConnections, OptionName::PersistentConn},
    OptionSpec{0, "tun-info", Flag::TunnelInfo, OptionName::TunnelInfo},
    OptionSpec{0, "nosort", Flag::NoSort, OptionName::NoSort},
    OptionSpec{0, "sort", Flag::Sort, {}},
    OptionSpec{0, "syncid", Flag::SyncId, OptionName::SyncId, Value::Required},
    OptionSpec{0, "sync-maxlen", Flag::SyncMaxLength, OptionName::SyncMaxLength, Value::Required},
    OptionSpec{0, "mcast-interface", Flag::McastInterface, OptionName::McastInterface,
               Value::Required},
    OptionSpec{0, "mcast-group", Flag::McastGroup, OptionName::McastGroup, Value::Required},
    OptionSpec{0, "mcast-port", Flag::McastPort, OptionName::McastPort, Value::Required},
    OptionSpec{0, "mcast-ttl", Flag::McastTtl, OptionName::McastTtl, Value::Required},
};

const OptionSpec* find_option(char letter) {
    const auto* found = std::find_if(kOptions.begin(), kOptions.end(), [&](const OptionSpec& spec) {
        return spec.letter != 0 && spec.letter == letter;
    });
    return found == kOptions.end() ? nullptr : found;
}

const OptionSpec* find_option(std::string_view name) {
    const auto* found = std::find_if(kOptions.begin(), kOptions.end(),
                                     [&](const OptionSpec& spec) { return spec.name == name; });
    return found == kOptions.end() ? nullptr : found;
}

}  // namespace

OptionReader::Step OptionReader::next() {
    if (!cluster_.empty()) return read_short();
    if (!find_option_word()) return End{};
    if (last_word().starts_with("--")) return read_long();
    cluster_ = last_word().substr(1);
    return read_short();
}

// Puts other words aside until an option is the last word read.
bool OptionReader::find_option_word() {
    while (next_ < words_.size()) {
        const std::string& word = words_[next_++];
        if (only_others_ || word.size() < 2 || word[0] != '-') {
            others_.push_back(word);
        } else if (word == "--") {
            only_others_ = true;
        } else {
            return true;
        }
    }
    return false;
}

OptionReader::Step OptionReader::read_long() {
    const std::string word = last_word().substr(2);
    const auto equals = word.find('=');
    const OptionSpec* spec = find_option(std::string_view(word).substr(0, equals));
    if (spec == nullptr) return fault("unknown option");
    std::optional<std::string> attached;
    if (equals != std::string::npos) attached = word.substr(equals + 1);
    return take_value(*spec, std::move(attached));
}

OptionReader::Step OptionReader::read_short() {
    const OptionSpec* spec = find_option(cluster_.front());
    if (spec == nullptr) return fault("unknown option");
    cluster_.erase(0, 1);

    std::optional<std::string> attached;
    if (cluster_.starts_with('=')) {
        attached = cluster_.substr(1);
    } else if (spec->value != Value::None && !cluster_.empty()) {
        attached = cluster_;
    }
    if (attached) cluster_.clear();
    return take_value(*spec, std::move(attached));
}

OptionReader::Step OptionReader::take_value(const OptionSpec& spec,
                                            std::optional<std::string> attached) {
    if (spec.value == Value::None) {
        if (attached) return fault("option does not take an argument");
        return GivenOption{spec.meaning, spec.counts_as, std::nullopt};
    }
    if (attached) return GivenOption{spec.meaning, spec.counts_as, std::move(attached)};

    const bool word_left = next_ < words_.size();
    if (spec.value == Value::Optional && (!word_left || words_[next_].starts_with('-'))) {
        return GivenOption{spec.meaning, spec.counts_as, std::nullopt};
    }
    if (!word_left) return fault("missing argument");
    return GivenOption{spec.meaning, spec.counts_as, words_[next_++]};
}

OptionFault OptionReader::fault(std::string_view what) const {
    return {last_word() + ": " + std::string(what)};
}

}  // namespace isobar::ipvsadm
