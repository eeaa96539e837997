// SPDX-License-Identifier: Apache-2.0
#include "agent/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.h"

namespace isobar::agent {
namespace {

constexpr std::array kTunnels = {Tunnel::Ipip, Tunnel::Gue, Tunnel::Gre};

constexpr unsigned kIpv4Header = 20, kIpv6Header = 40, kTcpHeader = 20;
// RFC 879 and the kernel: less than this is no way to carry data.
constexpr unsigned kLeastMss = 88, kLargestMss = 65495;
constexpr std::size_t kLongestInterface = 15;

unsigned ip_header(model::Family family) {
    return family == model::Family::V4 ? kIpv4Header : kIpv6Header;
}

// What comes between outer and inner IP header: UDP and GUE; GRE with its checksum.
unsigned shim(Tunnel tunnel) {
    switch (tunnel) {
        case Tunnel::Ipip:
            return 0;
        case Tunnel::Gue:
            return 8 + 4;
        case Tunnel::Gre:
            return 4 + 4;
    }
    return 0;
}

bool is_interface_name(std::string_view text) {
    return !text.empty() && text.size() <= kLongestInterface && text != "." && text != ".." &&
           text.find_first_of("/: \t\n\v\f\r") == std::string_view::npos;
}

bool has_neighbours(const std::string& interface) {
    return !interface.empty() && interface != "lo" && interface != "tunl0";
}

}  // namespace

std::string_view name(Tunnel tunnel) {
    switch (tunnel) {
        case Tunnel::Ipip:
            return "ipip";
        case Tunnel::Gue:
            return "gue";
        case Tunnel::Gre:
            return "gre";
    }
    return "?";
}

Result<Vip> Vip::parse(std::string_view text) {
    const std::size_t at = text.find('@');
    const auto address = model::Address::parse(text.substr(0, at));
    if (!address || !model::is_unicast(*address))
        return failure(Fault::Invalid, fmt::format("'{}' is no address for a VIP", text));
    Vip vip{*address, ""};
    if (at == std::string_view::npos) return vip;
    vip.interface = text.substr(at + 1);
    if (!is_interface_name(vip.interface))
        return failure(Fault::Invalid, fmt::format("'{}': no interface name after the @", text));
    return vip;
}

std::string Vip::text() const {
    return interface.empty() ? address.text() : address.text() + "@" + interface;
}

Result<Mss> Mss::parse(std::string_view text) {
    if (text == "auto") return Mss{Kind::Auto, 0};
    if (text == "off") return Mss{Kind::Off, 0};
    const auto value = parse_unsigned<std::uint16_t>(text);
    if (!value || *value < kLeastMss || *value > kLargestMss)
        return failure(Fault::Invalid,
                       fmt::format("'{}' is not auto, off or a number from {} to {}", text,
                                   kLeastMss, kLargestMss));
    return Mss{Kind::Fixed, *value};
}

Result<std::set<Tunnel>> parse_tunnels(std::string_view text) {
    std::set<Tunnel> tunnels;
    if (text == "none") return tunnels;
    for (;;) {
        const std::size_t comma = text.find(',');
        const std::string_view word = text.substr(0, comma);
        const auto* const found = std::find_if(kTunnels.begin(), kTunnels.end(),
                                               [&](Tunnel each) { return name(each) == word; });
        if (found == kTunnels.end())
            return failure(Fault::Invalid,
                           fmt::format("'{}' is no tunnel: ipip, gue, gre (or none)", word));
        tunnels.insert(*found);
        if (comma == std::string_view::npos) return tunnels;
        text.remove_prefix(comma + 1);
    }
}

Result<void> check_settings(const Settings& settings) {
    if (settings.vips.empty())
        return failure(Fault::Invalid, "which address? --vip ADDRESS or --director ADDRESS");
    std::set<model::Address> seen;
    for (const Vip& vip : settings.vips)
        if (!seen.insert(vip.address).second)
            return failure(Fault::Invalid, fmt::format("--vip {} twice", vip.address.text()));
    const auto on_wire = std::find_if(settings.vips.begin(), settings.vips.end(),
                                      [](const Vip& vip) { return has_neighbours(vip.interface); });
    if (settings.arp == Arp::Sysctl && on_wire != settings.vips.end())
        return failure(Fault::Invalid,
                       fmt::format("--vip {}: sysctls cannot keep ARP quiet about an address of "
                                   "the interface itself; leave --arp out",
                                   on_wire->text()));
    if (settings.decap == Decap::Kernel && settings.tunnels.empty())
        return failure(Fault::Invalid, "--decap kernel needs --tunnel ipip");
    if (settings.decap == Decap::Kernel && !tunl0_is_enough(settings))
        return failure(Fault::Invalid, "--decap kernel can do ipip of IPv4 VIPs only");
    return {};
}

bool filters_arp_in_bpf(const Settings& settings) {
    return settings.arp == Arp::Bpf ||
           std::any_of(settings.vips.begin(), settings.vips.end(),
                       [](const Vip& vip) { return has_neighbours(vip.interface); });
}

bool tunl0_is_enough(const Settings& settings) {
    return settings.tunnels == std::set{Tunnel::Ipip} &&
           std::all_of(settings.vips.begin(), settings.vips.end(),
                       [](const Vip& vip) { return vip.address.family == model::Family::V4; });
}

unsigned overhead(const std::set<Tunnel>& tunnels, model::Family outer) {
    unsigned most = 0;
    for (const Tunnel tunnel : tunnels) most = std::max(most, ip_header(outer) + shim(tunnel));
    return most;
}

std::uint16_t offered_mss(const Settings& settings, model::Family vip, unsigned mtu,
                          model::Family outer) {
    if (settings.tunnels.empty() || settings.mss.kind == Mss::Kind::Off) return 0;
    if (settings.mss.kind == Mss::Kind::Fixed) return settings.mss.value;
    const unsigned headers = overhead(settings.tunnels, outer) + ip_header(vip) + kTcpHeader;
    if (mtu < headers + kLeastMss) return kLeastMss;
    return static_cast<std::uint16_t>(std::min(mtu - headers, kLargestMss));
}

}  // namespace isobar::agent
