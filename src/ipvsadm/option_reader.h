// SPDX-License-Identifier: Apache-2.0
// Splits words into options the way libpopt does, which scripts have come to rely on:
// clusters (-ln), values attached (-t10.0.0.2:80, -w=5, --weight=5) or in the next word even
// if it starts with a dash (-w -1), an optional value (-p [timeout]) only if it does not;
// long names in full; options and other words in any order; "--" ends the options.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ipvsadm/command.h"
#include "ipvsadm/option_rules.h"

namespace isobar::ipvsadm {

enum class Flag : std::uint8_t {
    TcpService,
    UdpService,
    SctpService,
    FirewallMark,
    Ipv6,
    Scheduler,
    Persistent,
    Netmask,
    Engine,
    OnePacket,
    LocalAddress,
    LocalPorts,
    ClientAddress,
    SchedulerFlags,
    RealServer,
    Route,
    Tunnel,
    Masquerade,
    FullNat,
    Weight,
    UpperThreshold,
    LowerThreshold,
    TunnelType,
    TunnelPort,
    TunnelNoChecksum,
    TunnelChecksum,
    TunnelRemoteChecksum,
    Numeric,
    Connections,
    Timeouts,
    Daemon,
    Stats,
    Rate,
    Exact,
    Thresholds,
    PersistentConnections,
    TunnelInfo,
    NoSort,
    Sort,
    SyncId,
    SyncMaxLength,
    McastInterface,
    McastGroup,
    McastPort,
    McastTtl,
};

struct GivenOption {
    std::variant<Action, Flag> meaning;  // -A, -L ... are actions
    std::optional<OptionName> name;      // what must not be given twice
    std::optional<std::string> value;
};

// "--nosuch: unknown option"
struct OptionFault {
    std::string message;
};

struct OptionSpec;

class OptionReader {
public:
    // Without the program's name.
    explicit OptionReader(std::vector<std::string> words) : words_(std::move(words)) {}

    struct End {};
    using Step = std::variant<GivenOption, OptionFault, End>;

    // The next option; the end when all words are read.
    Step next();

    // The words so far that are neither options nor their values.
    [[nodiscard]] const std::vector<std::string>& others() const { return others_; }
    // The word read last.
    [[nodiscard]] const std::string& last_word() const { return words_[next_ - 1]; }

private:
    bool find_option_word();
    Step read_long();
    Step read_short();
    Step take_value(const OptionSpec& spec, std::optional<std::string> attached);
    [[nodiscard]] OptionFault fault(std::string_view what) const;

    std::vector<std::string> words_;
    std::size_t next_ = 0;      // in words_
    std::string cluster_;       // letters that are left of "-ln"
    bool only_others_ = false;  // after "--"
    std::vector<std::string> others_;
};

}  // namespace isobar::ipvsadm
