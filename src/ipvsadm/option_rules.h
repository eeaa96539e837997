// SPDX-License-Identifier: Apache-2.0
// Which options a command must have and may have, and the words that ipvsadm says it in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ipvsadm/command.h"

namespace isobar::ipvsadm {

// As messages call them: -t, -u and -f are all a 'service-address'. In the order in which
// ipvsadm complains about them.
enum class OptionName : std::uint8_t {
    Numeric,
    Connection,
    ServiceAddress,
    Scheduler,
    Persistent,
    Netmask,
    RealServer,
    ForwardingMethod,
    Weight,
    UpperThreshold,
    LowerThreshold,
    McastInterface,
    Timeout,
    Daemon,
    Stats,
    Rate,
    Thresholds,
    PersistentConn,
    NoSort,
    SyncId,
    Exact,
    OnePacket,
    Engine,
    SchedulerFlags,
    McastGroup,
    McastPort,
    McastTtl,
    SyncMaxLength,
    TunnelInfo,
    TunnelKind,
    TunnelPort,
    TunnelNoChecksum,
    TunnelChecksum,
    TunnelRemoteChecksum,
    LocalAddress,
    LocalPorts,
    ClientAddress,
};
inline constexpr unsigned kOptionNames = 37;

std::string_view name(OptionName option);
std::string_view name(Action action);

class OptionSet {
public:
    constexpr OptionSet() = default;
    template <typename... Names>
    constexpr explicit OptionSet(Names... names) {
        (insert(names), ...);
    }
    constexpr void insert(OptionName option) { bits_ |= bit(option); }
    [[nodiscard]] constexpr bool has(OptionName option) const { return (bits_ & bit(option)) != 0; }
    [[nodiscard]] constexpr bool has_any(OptionSet of) const { return (bits_ & of.bits_) != 0; }

private:
    static constexpr std::uint64_t bit(OptionName option) {
        return std::uint64_t{1} << static_cast<unsigned>(option);
    }
    std::uint64_t bits_ = 0;
};

// The complaint about an option that is missing, does not fit the command or does not fit
// another one.
std::optional<std::string> find_violation(Action action, OptionSet given);
// The same for the options of a tunnel (-i).
std::optional<std::string> find_tunnel_violation(model::Encapsulation type, OptionSet given);

}  // namespace isobar::ipvsadm
