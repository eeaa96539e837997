// SPDX-License-Identifier: Apache-2.0
// What the agent of a real server is asked to do, as a value.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/address.h"

namespace isobar::agent {

enum class Tunnel : std::uint8_t { Ipip, Gue, Gre };
std::string_view name(Tunnel tunnel);  // "ipip"

// Who keeps neighbours from learning that the VIP is here, too. Auto: sysctls, unless a VIP
// is on an interface with neighbours.
enum class Arp : std::uint8_t { Auto, Sysctl, Bpf };
// Who takes packets out of tunnels. Auto: the kernel's tunl0 where it is there and enough.
enum class Decap : std::uint8_t { Auto, Bpf, Kernel };

struct Vip {
    model::Address address;
    std::string interface;  // empty: the agent chooses (lo, or tunl0)

    // "10.0.0.2", "fd00::2@eth0"
    static Result<Vip> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    bool operator==(const Vip&) const = default;
};

// The MSS offered to clients.
struct Mss {
    enum class Kind : std::uint8_t { Auto, Off, Fixed };
    Kind kind = Kind::Auto;
    std::uint16_t value = 0;  // bytes, if Fixed

    // "auto", "off", "1400" (88 to 65495)
    static Result<Mss> parse(std::string_view text);
    bool operator==(const Mss&) const = default;
};

struct Settings {
    std::vector<Vip> vips;
    std::vector<std::string> interfaces;  // empty: every Ethernet interface
    std::set<Tunnel> tunnels;
    Arp arp = Arp::Auto;
    Decap decap = Decap::Auto;
    Mss mss;
    model::Port gue_port = 6080;

    bool operator==(const Settings&) const = default;
};

// "ipip,gue", "none".
Result<std::set<Tunnel>> parse_tunnels(std::string_view text);

// What contradicts itself. Fault::Invalid with a sentence for the user.
Result<void> check_settings(const Settings& settings);

// Auto resolved, as far as the settings alone tell.
bool filters_arp_in_bpf(const Settings& settings);
// Would the kernel's tunl0 do for all that is asked?
bool tunl0_is_enough(const Settings& settings);

// The largest outer header that the tunnels put in front, over IPv4 or IPv6 (bytes).
unsigned overhead(const std::set<Tunnel>& tunnels, model::Family outer);

// The MSS to offer for VIPs of a family on an interface; 0: leave it as it is.
std::uint16_t offered_mss(const Settings& settings, model::Family vip, unsigned mtu,
                          model::Family outer);

}  // namespace isobar::agent
