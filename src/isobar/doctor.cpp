// SPDX-License-Identifier: Apache-2.0
#include "isobar/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/printable.h"

namespace isobar::cli {
namespace {

using Json = nlohmann::ordered_json;
using model::Address;
using model::Family;
using model::Finding;
using model::ForwardingMethod;

// Of the clients' path; a way inside the cluster that takes less takes less than they send.
constexpr unsigned kUsualMtu = 1500;
// An agent tells every ten seconds.
constexpr std::chrono::seconds kSilent{60};

bool is_none(const Address& address) {
    return address == Address{address.family, {}};
}

const char* ip_command(const Address& address) {
    return address.family == Family::V4 ? "ip" : "ip -6";
}

std::string host_prefix(const Address& address) {
    return address.text() + (address.family == Family::V4 ? "/32" : "/128");
}

// A server as services have it.
struct Seat {
    const api::ServiceView* service = nullptr;
    const model::ServerStatus* running = nullptr;   // none: it is out
    const api::ServerStanding* standing = nullptr;  // none: made by hand
};

std::map<Address, std::vector<Seat>> seats_of(const std::vector<api::ServiceView>& services) {
    std::map<Address, std::vector<Seat>> seats;
    for (const api::ServiceView& service : services) {
        for (const model::ServerStatus& each : service.status.servers)
            seats[each.server.address.address].push_back({&service, &each, nullptr});
        for (const api::ServerStanding& each : service.standings) {
            if (each.by_hand && !each.weight) continue;  // somebody knows
            auto& known = seats[each.address.address];
            const auto same = std::ranges::find_if(known, [&](const Seat& seat) {
                return seat.service == &service && seat.running != nullptr &&
                       seat.running->server.address == each.address;
            });
            if (same != known.end())
                same->standing = &each;
            else
                known.push_back({&service, nullptr, &each});
        }
    }
    return seats;
}

class Doctor {
public:
    explicit Doctor(const DoctorFacts& facts)
        : facts_(facts), vips_(vips_of(facts.services)), seats_(seats_of(facts.services)) {}

    Diagnosis diagnose() {
        look_at_director();
        for (const auto& [address, seats] : seats_)
            if (!reach(address).local) look_at_server(address, seats);
        look_for_doubles();
        return std::move(diagnosis_);
    }

private:
    using Kind = Remark::Kind;

    void begin(std::string host) { diagnosis_.hosts.push_back({std::move(host), {}}); }
    void say(Kind kind, std::string what) {
        diagnosis_.hosts.back().remarks.push_back({kind, {std::move(what), "", ""}});
    }
    void good(std::string what) { say(Kind::Good, std::move(what)); }
    void note(std::string what) { say(Kind::Note, std::move(what)); }
    void fault(std::string what, std::string why, std::string fix) {
        diagnosis_.hosts.back().remarks.push_back(
            {Kind::Fault, {std::move(what), std::move(why), std::move(fix)}});
    }

    [[nodiscard]] Reach reach(const Address& address) const {
        const auto found = facts_.reach.find(address);
        return found == facts_.reach.end() ? Reach{} : found->second;
    }
    [[nodiscard]] std::string link_name(int index) const {
        const auto* link = agent::find_link(facts_.links, index);
        return link == nullptr ? "?" : link->name;
    }
    [[nodiscard]] std::optional<Mac> mac_of(const Address& address) const {
        const auto found = std::ranges::find(facts_.answers, address, &ArpAnswer::address);
        if (found == facts_.answers.end()) return std::nullopt;
        return found->mac;
    }

    // ---- the director ----

    void look_at_director() {
        begin("director " + facts_.host);
        if (!facts_.no_plane.empty())
            return fault("there is no data plane", facts_.no_plane, "systemctl start isobard");
        if (facts_.no_isobard.empty())
            good("isobard answers");
        else
            note("isobard does not answer, so nobody checks the servers or hears their agents: " +
                 facts_.no_isobard);
        if (facts_.services.empty()) note("there are no services");
        look_at_forwarding();
        for (const Address& vip : vips_) look_at_vip(vip);
        look_at_hooks();
        look_at_masquerade();
    }

    void look_at_forwarding() {
        const bool has4 =
            std::ranges::any_of(vips_, [](const Address& vip) { return vip.family == Family::V4; });
        const bool has6 =
            std::ranges::any_of(vips_, [](const Address& vip) { return vip.family == Family::V6; });
        if (has4 && !facts_.forwards4)
            fault("net.ipv4.ip_forward is 0", "this host forwards nothing",
                  "sysctl -w net.ipv4.ip_forward=1");
        else if (has4)
            good("IPv4 is forwarded");
        if (has6 && !facts_.forwards6)
            fault("net.ipv6.conf.all.forwarding is 0", "this host forwards no IPv6",
                  "sysctl -w net.ipv6.conf.all.forwarding=1");
        else if (has6)
            good("IPv6 is forwarded");
    }

    // Where an address belongs: on the interface of its network, or on lo.
    [[nodiscard]] std::string place_of(const Address& address) const {
        for (const agent::HostAddress& each : facts_.addresses) {
            const auto* link = agent::find_link(facts_.links, each.link);
            const unsigned whole = address.family == Family::V4 ? 32 : 128;
            if (link == nullptr || !link->ethernet || each.prefix == whole ||
                each.address.family != address.family)
                continue;
            if (model::Network::around(each.address, each.prefix) ==
                model::Network::around(address, each.prefix))
                return fmt::format("{}/{} dev {}", address.text(), each.prefix, link->name);
        }
        return host_prefix(address) + " dev lo";
    }

    void look_at_vip(const Address& vip) {
        if (reach(vip).local)
            good(fmt::format("{} is here", vip.text()));
        else
            fault(fmt::format("{} is not here", vip.text()), "clients do not find their service",
                  fmt::format("ip address add {}", place_of(vip)));
    }

    // Those that clients and servers come in by.
    void look_at_hooks() {
        std::set<int> needed;
        for (const auto& [address, seats] : seats_)
            if (reach(address).link != 0 && !reach(address).local)
                needed.insert(reach(address).link);
        for (const agent::HostAddress& each : facts_.addresses) {
            const auto* link = agent::find_link(facts_.links, each.link);
            if (link != nullptr && link->ethernet && vips_.contains(each.address))
                needed.insert(each.link);
        }
        for (const int index : needed) {
            const std::string name = link_name(index);
            const auto hook =
                std::ranges::find(facts_.hooks, name, &dataplane::InterfaceHooks::interface);
            if (hook == facts_.hooks.end() || !hook->tc)
                fault(fmt::format("the data plane is not attached to {}", name),
                      "what comes in there passes it by", "systemctl restart isobard");
            else
                good(fmt::format("the data plane is attached to {} ({})", name,
                                 hook->xdp ? "XDP and tc" : "tc"));
        }
    }

    void look_at_masquerade() {
        if (facts_.masquerades.empty()) return;
        if (facts_.masquerade_rules)
            good("the masquerade rules are there");
        else
            fault("the masquerade rules are gone", "real servers do not reach the outside",
                  "systemctl reload isobard");
    }

    // ---- a real server ----

    void look_at_server(const Address& server, const std::vector<Seat>& seats) {
        begin("real server " + server.text());
        if (!look_at_way(server, seats)) return;
        look_at_mtu(server, seats);
        look_at_arp(server, seats);
        look_at_agent(server, seats);
        look_at_checks(server, seats);
    }

    [[nodiscard]] static std::string disable_command(const Address& server,
                                                     const std::vector<Seat>& seats) {
        std::string command;
        for (const Seat& seat : seats) {
            const auto& key = seat.service->status.key;
            if (!command.empty()) command += " && ";
            if (seat.service->name.empty() && seat.running != nullptr)
                command += fmt::format("isobar-ipvsadm -d {} {} -r {}",
                                       key.protocol == model::Protocol::Udp ? "-u" : "-t",
                                       key.address.text(), seat.running->server.address.text());
            else
                command += fmt::format("isobar disable {} {}", seat.service->name, server.text());
        }
        return command;
    }

    // False: there is nothing more to be said of it.
    bool look_at_way(const Address& server, const std::vector<Seat>& seats) {
        const Reach way = reach(server);
        if (!way.route) {
            fault("the director has no route to it", "nothing can be sent there",
                  fmt::format("on the director: {} route add {} via GATEWAY", ip_command(server),
                              server.text()));
            return false;
        }
        const Address hop = way.gateway.value_or(server);
        const bool asked =
            std::ranges::find(facts_.asked, hop, &ArpQuestion::target) != facts_.asked.end();
        const std::string link = link_name(way.link);
        if (asked && !mac_of(hop)) {
            fault(fmt::format("{} does not answer ARP on {}", hop.text(), link),
                  "it is off, or its cable, VLAN or address is wrong",
                  "bring it up; until then: " + disable_command(server, seats));
            return false;
        }
        good(fmt::format("it is reached by {}{}{}", link,
                         way.gateway ? " through " + hop.text() : "",
                         asked ? ", where it answers ARP" : ""));
        return true;
    }

    [[nodiscard]] static bool goes_by(const std::vector<Seat>& seats, ForwardingMethod method) {
        return std::ranges::any_of(seats, [&](const Seat& seat) {
            return seat.running != nullptr && seat.running->server.method == method;
        });
    }

    void look_at_mtu(const Address& server, const std::vector<Seat>& seats) {
        if (!goes_by(seats, ForwardingMethod::Tun)) return;
        const auto* link = agent::find_link(facts_.links, reach(server).link);
        if (link == nullptr || link->mtu >= kUsualMtu) return;
        fault(fmt::format("the MTU of {} on the director is {}", link->name, link->mtu),
              "what clients send does not fit into the tunnel there",
              fmt::format("on the director: ip link set dev {} mtu {}", link->name, kUsualMtu));
    }

    // A server that answers for a virtual address takes clients away from the director.
    void look_at_arp(const Address& server, const std::vector<Seat>& seats) {
        const auto mac = mac_of(server);
        if (!mac || reach(server).gateway) return;
        bool quiet = true;
        for (const ArpAnswer& answer : facts_.answers) {
            if (answer.mac != *mac || !vips_.contains(answer.address)) continue;
            quiet = false;
            blamed_.insert({answer.address, answer.mac});
            const bool has_it =
                goes_by(seats, ForwardingMethod::Dr) || goes_by(seats, ForwardingMethod::Tun);
            fault(fmt::format("it answers ARP for {} on {}", answer.address.text(),
                              link_name(answer.link)),
                  "clients that hear it first pass the director by",
                  has_it ? "sysctl -w net.ipv4.conf.all.arp_ignore=1 "
                           "net.ipv4.conf.all.arp_announce=2"
                         : fmt::format("ip address del {} dev lo", host_prefix(answer.address)));
        }
        if (quiet && !vips_.empty()) good("it keeps quiet about the virtual addresses");
    }

    void look_at_agent(const Address& server, const std::vector<Seat>& seats) {
        const auto report = std::ranges::find(facts_.agents, server, &api::AgentReport::address);
        if (report == facts_.agents.end())
            return note("no isobar-agent says how it looks from there");
        const auto age = facts_.now - report->at;
        for (const Finding& each : report->findings)
            fault(printable(each.what), printable(each.why), printable(each.fix));
        const bool gateway_is_good = look_at_gateway(server, seats, *report);
        if (report->findings.empty() && gateway_is_good)
            good(age > kSilent ? fmt::format("its isobar-agent found nothing wrong, {} minutes ago",
                                             age / std::chrono::minutes(1))
                               : "its isobar-agent finds nothing wrong");
    }

    bool look_at_gateway(const Address& server, const std::vector<Seat>& seats,
                         const api::AgentReport& report) {
        if (!goes_by(seats, ForwardingMethod::Nat) || reach(server).gateway) return true;
        Address here{server.family, {}};
        for (const agent::HostAddress& each : facts_.addresses) {
            if (std::ranges::find(report.gateways, each.address) != report.gateways.end())
                return true;
            if (each.link == reach(server).link && each.address.family == server.family &&
                is_none(here) && !vips_.contains(each.address))
                here = each.address;
        }
        const bool any = std::ranges::any_of(
            report.gateways, [&](const Address& each) { return each.family == server.family; });
        fault(any ? "its default gateway is not the director" : "it has no default gateway",
              "answers must go back through the director, which puts the virtual address in",
              fmt::format("{} route replace default via {}", ip_command(server), here.text()));
        return false;
    }

    void look_at_checks(const Address& server, const std::vector<Seat>& seats) {
        for (const Seat& seat : seats) {
            if (seat.standing == nullptr || seat.standing->by_hand || !seat.standing->health)
                continue;
            const std::string& service = seat.service->name;
            if (*seat.standing->health != control::Health::Down) {
                good(fmt::format(
                    "{}: its checks say that it is {}", service,
                    *seat.standing->health == control::Health::Up ? "up" : "not known yet"));
                continue;
            }
            fault(fmt::format("{}: {}", service, printable(seat.standing->reason)),
                  "it gets no connections",
                  fmt::format("see isobar health {0} {1}; start what serves {2} port {3}, then: "
                              "isobar check {0} {1}",
                              service, server.text(), name(seat.service->status.key.protocol),
                              seat.standing->address.port));
        }
    }

    // ---- others ----

    void look_for_doubles() {
        for (const ArpAnswer& answer : facts_.answers) {
            if (!vips_.contains(answer.address) || blamed_.contains({answer.address, answer.mac}))
                continue;
            begin("host with the MAC address " + text(answer.mac));
            fault(fmt::format("it has {}, too, on the network of {}", answer.address.text(),
                              link_name(answer.link)),
                  "clients reach now the one, now the other",
                  fmt::format("ip address del {}", answer.address.text() + "/" +
                                                       prefix_of(answer.address) + " dev DEVICE"));
        }
    }

    [[nodiscard]] std::string prefix_of(const Address& address) const {
        const auto found =
            std::ranges::find(facts_.addresses, address, &agent::HostAddress::address);
        return found == facts_.addresses.end() ? "32" : std::to_string(found->prefix);
    }

    const DoctorFacts& facts_;
    std::set<Address> vips_;
    std::map<Address, std::vector<Seat>> seats_;
    std::set<std::pair<Address, Mac>> blamed_;
    Diagnosis diagnosis_;
};

}  // namespace

std::vector<Diagnosis::Fault> Diagnosis::faults() const {
    std::vector<Fault> faults;
    for (const HostPart& host : hosts)
        for (const Remark& remark : host.remarks)
            if (remark.kind == Remark::Kind::Fault) faults.push_back({host.host, remark.finding});
    return faults;
}

Diagnosis diagnose(const DoctorFacts& facts) {
    return Doctor(facts).diagnose();
}

std::set<Address> vips_of(const std::vector<api::ServiceView>& services) {
    std::set<Address> vips;
    for (const api::ServiceView& service : services)
        if (service.status.key.mark == 0) vips.insert(service.status.key.address.address);
    return vips;
}

std::vector<Address> servers_of(const std::vector<api::ServiceView>& services) {
    std::vector<Address> servers;
    for (const auto& [address, seats] : seats_of(services)) servers.push_back(address);
    return servers;
}

std::vector<ArpQuestion> arp_questions(const DoctorFacts& facts) {
    const std::set<Address> vips = vips_of(facts.services);
    const auto source_at = [&](int link) {
        for (const agent::HostAddress& each : facts.addresses)
            if (each.link == link && each.address.family == Family::V4 &&
                !vips.contains(each.address))
                return std::optional(each.address);
        return std::optional<Address>();
    };
    const auto speaks_arp = [&](int index) {
        const auto* link = agent::find_link(facts.links, index);
        return link != nullptr && link->ethernet && link->up && !link->port_of_switch;
    };
    std::set<ArpQuestion> questions;
    for (const Address& server : servers_of(facts.services)) {
        const auto found = facts.reach.find(server);
        if (found == facts.reach.end() || found->second.local || !found->second.route) continue;
        const Address hop = found->second.gateway.value_or(server);
        if (hop.family != Family::V4 || !speaks_arp(found->second.link)) continue;
        questions.insert(
            {found->second.link, hop, source_at(found->second.link).value_or(Address{})});
    }
    for (const agent::Link& link : facts.links)
        if (const auto source = source_at(link.index); source && speaks_arp(link.index))
            for (const Address& vip : vips)
                if (vip.family == Family::V4) questions.insert({link.index, vip, *source});
    return {questions.begin(), questions.end()};
}

std::string diagnosis_text(const Diagnosis& diagnosis, Colours colours) {
    std::string lines;
    for (const HostPart& host : diagnosis.hosts) {
        lines += paint(host.host, Tone::Bold, colours) + "\n";
        for (const Remark& remark : host.remarks) {
            if (remark.kind == Remark::Kind::Good)
                lines += paint("  ✓ ", Tone::Good, colours) + remark.finding.what + "\n";
            else if (remark.kind == Remark::Kind::Note)
                lines += paint("  - " + remark.finding.what, Tone::Dim, colours) + "\n";
            else
                lines += paint("  ✗ ", Tone::Bad, colours) +
                         fmt::format("{}: {}\n      fix: {}\n", remark.finding.what,
                                     remark.finding.why, remark.finding.fix);
        }
    }
    const auto faults = diagnosis.faults();
    if (faults.empty()) return lines + "no faults\n";
    return lines + fmt::format("{} fault{}; the first to mend: {}: {}; fix: {}\n", faults.size(),
                               faults.size() == 1 ? "" : "s", faults[0].host,
                               faults[0].finding.what, faults[0].finding.fix);
}

std::string diagnosis_json(const Diagnosis& diagnosis) {
    Json json{{"version", 1}, {"faults", diagnosis.faults().size()}, {"hosts", Json::array()}};
    for (const HostPart& host : diagnosis.hosts) {
        Json part{{"host", host.host}, {"remarks", Json::array()}};
        for (const Remark& remark : host.remarks) {
            Json each{{"kind", remark.kind == Remark::Kind::Good   ? "good"
                               : remark.kind == Remark::Kind::Note ? "note"
                                                                   : "fault"},
                      {"what", remark.finding.what}};
            if (remark.kind == Remark::Kind::Fault) {
                each["why"] = remark.finding.why;
                each["fix"] = remark.finding.fix;
            }
            part["remarks"].push_back(std::move(each));
        }
        json["hosts"].push_back(std::move(part));
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace isobar::cli
