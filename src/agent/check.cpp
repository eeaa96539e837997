// SPDX-License-Identifier: Apache-2.0
#include "agent/check.h"

#include <fmt/format.h>

#include <algorithm>

namespace isobar::agent {
namespace {

using model::Address;
using model::Family;

constexpr unsigned kUsualMtu = 1500;  // of the clients' path
constexpr unsigned kIpipHeader = 20;

std::string host_prefix(const Address& address) {
    return address.text() + (address.family == Family::V4 ? "/32" : "/128");
}

// One question, looked at from all sides.
class Checker {
public:
    Checker(const Facts& facts, const Question& question) : facts_(facts), question_(question) {}

    std::vector<Finding> findings() {
        for (const Address& vip : question_.vips) {
            if (question_.method == Method::Nat)
                check_vip_is_absent(vip);
            else
                check_vip(vip);
        }
        switch (question_.method) {
            case Method::Nat:
                if (!question_.leaves_gateway) check_gateway();
                break;
            case Method::Tun:
                check_tunnel();
                check_mtu();
                check_reverse_paths();
                break;
            case Method::Dr:
                check_reverse_paths();
                break;
        }
        check_ports();
        return std::move(findings_);
    }

private:
    void add(std::string what, std::string why, std::string fix) {
        Finding finding{std::move(what), std::move(why), std::move(fix)};
        // Several VIPs can have the same trouble.
        if (std::find(findings_.begin(), findings_.end(), finding) == findings_.end())
            findings_.push_back(std::move(finding));
    }

    [[nodiscard]] const FilterState* filter_at(const Link& link) const {
        const auto found = facts_.filters.find(link.index);
        return found == facts_.filters.end() ? nullptr : &found->second;
    }

    // Interfaces with neighbours.
    [[nodiscard]] std::vector<const Link*> wires() const {
        std::vector<const Link*> wires;
        for (const Link& link : facts_.links)
            if (link.ethernet && link.up && !link.port_of_switch) wires.push_back(&link);
        return wires;
    }

    [[nodiscard]] bool has_v4_vip() const {
        return std::any_of(question_.vips.begin(), question_.vips.end(),
                           [](const Address& vip) { return vip.family == Family::V4; });
    }

    void check_vip_is_absent(const Address& vip) {
        for (const HostAddress& each : facts_.addresses) {
            const Link* const link = find_link(facts_.links, each.link);
            if (each.address != vip || link == nullptr) continue;
            add(fmt::format("{} is on {}", vip.text(), link->name),
                "with NAT the VIP is the director's alone",
                fmt::format("ip address del {}/{} dev {}", vip.text(), each.prefix, link->name));
        }
    }

    void check_vip(const Address& vip) {
        bool there = false;
        for (const HostAddress& each : facts_.addresses) {
            const Link* const link = find_link(facts_.links, each.link);
            if (each.address != vip || link == nullptr) continue;
            there = true;
            check_place(each, *link);
        }
        if (!there)
            add(fmt::format("{} is on no interface", vip.text()), "packets for it are not taken in",
                fmt::format("ip address add {} dev lo", host_prefix(vip)));
        if (there && vip.family == Family::V4) check_arp();
    }

    void check_place(const HostAddress& vip, const Link& link) {
        const std::string address = vip.address.text();
        const FilterState* const filter = filter_at(link);
        if (link.ethernet && (filter == nullptr || !filter->quiet_arp)) {
            add(fmt::format("{} is on {}", address, link.name),
                fmt::format("this host answers {} for it there",
                            vip.address.family == Family::V4 ? "ARP" : "neighbour solicitations"),
                fmt::format("ip address del {}/{} dev {} && ip address add {} dev lo", address,
                            vip.prefix, link.name, host_prefix(vip.address)));
        }
        const unsigned whole = vip.address.family == Family::V4 ? 32 : 128;
        if (link.name == "lo" && vip.prefix != whole)
            add(fmt::format("{}/{} is on lo", address, vip.prefix),
                "this host takes the whole network for itself",
                fmt::format("ip address del {}/{} dev lo && ip address add {} dev lo", address,
                            vip.prefix, host_prefix(vip.address)));
    }

    void check_arp() {
        for (const Link* link : wires()) {
            const FilterState* const filter = filter_at(*link);
            if (filter != nullptr && filter->quiet_arp) continue;
            const int ignore = arp_ignore(facts_.sysctls, link->name);
            if (!keeps_quiet(ignore))
                add(fmt::format("arp_ignore of {} is {}", link->name, ignore),
                    "this host answers ARP for VIPs of lo",
                    ignore == 0 ? "sysctl -w net.ipv4.conf.all.arp_ignore=1"
                                : fmt::format("sysctl -w net/ipv4/conf/all/arp_ignore=1 "
                                              "net/ipv4/conf/{}/arp_ignore=1",
                                              link->name));
            const int announce = arp_announce(facts_.sysctls, link->name);
            if (announce < 2)
                add(fmt::format("arp_announce of {} is {}", link->name, announce),
                    "neighbours learn from this host's ARP requests that VIPs are here",
                    "sysctl -w net.ipv4.conf.all.arp_announce=2");
        }
    }

    [[nodiscard]] bool leads_to_clients(const Link& link) const {
        return std::any_of(facts_.default_routes.begin(), facts_.default_routes.end(),
                           [&](const DefaultRoute& route) {
                               return route.family == Family::V4 && route.link == link.index;
                           });
    }

    // Strict filters drop what clients send if the answer would leave elsewhere.
    void check_reverse_paths() {
        if (!has_v4_vip()) return;
        for (const Link& link : facts_.links) {
            const bool tunnel = question_.method == Method::Tun && link.name == "tunl0" && link.up;
            const bool wire = link.ethernet && link.up && !link.port_of_switch;
            if ((!tunnel && (!wire || leads_to_clients(link))) ||
                rp_filter(facts_.sysctls, link.name) != 1)
                continue;
            add(fmt::format("rp_filter of {} is strict", link.name),
                "packets of clients that come in there are dropped: answers leave elsewhere",
                fmt::format("sysctl -w net/ipv4/conf/{}/rp_filter=2", link.name));
        }
    }

    [[nodiscard]] std::string agent_command() const {
        if (!question_.agent.empty()) return question_.agent;
        std::string command = "isobar-agent";
        for (const Address& vip : question_.vips) command += " --vip " + vip.text();
        return command + " --tunnel ipip";
    }

    [[nodiscard]] bool ends_in_bpf(Tunnel tunnel) const {
        return std::any_of(facts_.filters.begin(), facts_.filters.end(), [&](const auto& filter) {
            return filter.second.tunnels.contains(tunnel);
        });
    }

    // What is in front of a device (fou) does not show: any may be the end of GUE.
    [[nodiscard]] bool ends_in_kernel(Tunnel tunnel) const {
        return std::any_of(facts_.links.begin(), facts_.links.end(), [&](const Link& link) {
            const bool ipip = link.kind == "ipip" || link.kind == "sit" || link.kind == "ip6tnl";
            const bool gre = link.kind == "gre" || link.kind == "ip6gre";
            return link.up && ((ipip && tunnel != Tunnel::Gre) || (gre && tunnel != Tunnel::Ipip));
        });
    }

    [[nodiscard]] bool ends_here(Tunnel tunnel) const {
        return ends_in_bpf(tunnel) || ends_in_kernel(tunnel);
    }

    void check_tunnel() {
        if (!question_.tunnels.empty()) {
            for (const Tunnel tunnel : question_.tunnels)
                if (!ends_here(tunnel))
                    add(fmt::format("no {} tunnel ends here", name(tunnel)),
                        "nothing here takes packets out of it", agent_command());
            return;
        }
        if (ends_here(Tunnel::Ipip) || ends_here(Tunnel::Gue) || ends_here(Tunnel::Gre)) return;
        if (find_link(facts_.links, "tunl0") != nullptr)
            add("tunl0 is down", "nothing here takes packets out of tunnels",
                "ip link set dev tunl0 up");
        else
            add("no tunnel ends here", "nothing here takes packets out of tunnels",
                agent_command());
    }

    void check_mtu() {
        for (const Link* link : wires()) {
            const FilterState* const filter = filter_at(*link);
            if (link->mtu >= kUsualMtu + kIpipHeader || (filter != nullptr && filter->clamps_mss))
                continue;
            add(fmt::format("the MTU of {} is {}", link->name, link->mtu),
                fmt::format(
                    "packets of {} bytes from clients do not fit with the outer header, and nobody "
                    "lowers the MSS",
                    kUsualMtu),
                agent_command());
        }
    }

    // What listens at all addresses of IPv6 takes IPv4, too, most often.
    static bool takes(const Listening& socket, const Listening& wanted) {
        if (socket.protocol != wanted.protocol || socket.at.port != wanted.at.port) return false;
        return is_any(socket.at.address) || socket.at.address == wanted.at.address ||
               is_any(wanted.at.address);
    }

    void check_ports() {
        if (!facts_.listening) return;
        for (const Listening& wanted : question_.ports) {
            const auto port = fmt::format("{} port {}", name(wanted.protocol), wanted.at.port);
            const auto& sockets = *facts_.listening;
            if (std::ranges::any_of(sockets,
                                    [&](const Listening& each) { return takes(each, wanted); }))
                continue;
            const auto elsewhere = std::ranges::find_if(sockets, [&](const Listening& each) {
                return each.protocol == wanted.protocol && each.at.port == wanted.at.port;
            });
            if (elsewhere == sockets.end())
                add(fmt::format("nothing listens on {}", port), "clients are refused",
                    fmt::format("start what serves {}; ss -lnp shows what runs", port));
            else
                add(fmt::format("{} is listened on at {} only", port, elsewhere->at.address.text()),
                    fmt::format("clients' packets are for {}", wanted.at.address.text()),
                    fmt::format("let what serves {} listen on all addresses", port));
        }
    }

    void check_gateway() {
        const std::optional<Address>& wanted = question_.gateway;
        const Family family = wanted ? wanted->family : question_.vips.front().family;
        const std::string director = wanted ? wanted->text() : "INSIDE-ADDRESS";
        const std::string fix =
            fmt::format("{} replace default via {}",
                        family == Family::V4 ? "ip route" : "ip -6 route", director);
        const auto route =
            std::find_if(facts_.default_routes.begin(), facts_.default_routes.end(),
                         [&](const DefaultRoute& each) { return each.family == family; });
        if (route == facts_.default_routes.end())
            add("no default gateway", "answers must go back through the director", fix);
        else if (wanted && route->gateway != *wanted)
            add(fmt::format("the default gateway is {}", route->gateway.text()),
                fmt::format("answers must go back through the director, {}", director), fix);
    }

    const Facts& facts_;
    const Question& question_;
    std::vector<Finding> findings_;
};

}  // namespace

Result<Facts> look_at_host() {
    Facts facts;
    auto links = list_links();
    if (!links) return tl::unexpected(links.error());
    auto addresses = list_addresses();
    if (!addresses) return tl::unexpected(addresses.error());
    auto routes = list_default_routes();
    if (!routes) return tl::unexpected(routes.error());
    std::vector<std::string> names;
    for (const Link& link : *links) {
        names.push_back(link.name);
        const auto looked = filters_at(link.index);
        if (!looked) return tl::unexpected(looked.error());
        const std::optional<FilterState>& filter = *looked;
        if (filter) facts.filters.emplace(link.index, *filter);
    }
    facts.links = *std::move(links);
    facts.addresses = *std::move(addresses);
    facts.default_routes = *std::move(routes);
    facts.sysctls = read_sysctls("/proc/sys", names);
    facts.listening = read_listening("/proc/self/net");
    return facts;
}

std::vector<Finding> check(const Facts& facts, const Question& question) {
    return Checker(facts, question).findings();
}

}  // namespace isobar::agent
