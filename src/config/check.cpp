// SPDX-License-Identifier: Apache-2.0
#include "config/check.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/address_kind.h"

namespace isobar::config {
namespace {

// Whose is it, and where was that said?
template <typename Thing>
class Claims {
public:
    // The earlier claim, if there is one.
    std::optional<Position> claim(const Thing& thing, Position at) {
        const auto [entry, first] = first_.emplace(thing, at);
        if (first) return std::nullopt;
        return entry->second;
    }

private:
    std::map<Thing, Position> first_;
};

std::string first_on(Position at) {
    return fmt::format("first on line {}", at.line);
}

void check_interfaces(const DirectorDraft& director, Reading& reading) {
    Claims<std::string> names;
    for (const auto& [interface, at] : director.interfaces) {
        if (const auto first = names.claim(interface.name, at)) {
            reading.error(at, fmt::format("interface {} is listed twice", interface.name),
                          first_on(*first));
        }
    }
}

// "192.168.10.100" has the port of the service: where that is 80, it is the same server as
// "192.168.10.100:80".
class Servers {
public:
    explicit Servers(const ServiceDraft& service) {
        for (const auto& [listen, at] : service.listen)
            service_ports_.emplace_back(listen.address.port, listen.last());
    }

    // The earlier entry that is the same server.
    std::optional<Position> claim(const model::Endpoint& server, Position at) {
        const bool same_port =
            server.port == 0 ||
            std::any_of(service_ports_.begin(), service_ports_.end(), [&](const auto& ports) {
                return ports.first <= server.port && server.port <= ports.second;
            });
        auto first = as_written_.claim(server, at);
        if (!first && same_port) {
            // Two different ports of the service are two servers; no port is all of them.
            const auto& others = server.port == 0 ? with_service_port_ : without_port_;
            const auto other = others.find(server.address);
            if (other != others.end()) first = other->second;
        }
        if (same_port) {
            (server.port == 0 ? without_port_ : with_service_port_).emplace(server.address, at);
        }
        return first;
    }

private:
    std::vector<std::pair<model::Port, model::Port>> service_ports_;
    Claims<model::Endpoint> as_written_;
    std::map<model::Address, Position> without_port_;
    std::map<model::Address, Position> with_service_port_;
};

void check_servers(const ServiceDraft& service, Reading& reading) {
    Servers servers(service);
    for (const auto& [server, at] : service.servers) {
        const auto first = servers.claim(server.address, at);
        if (!first) continue;
        const bool bare = server.address.port == 0;
        reading.error(at,
                      fmt::format("server {} is listed twice",
                                  bare ? server.address.address.text() : server.address.text()),
                      first_on(*first) + "; without a port it has that of the service");
    }
}

void check_scheduler_flags(const ServiceDraft& service, Reading& reading) {
    for (const auto& [flag, at] : service.scheduler_flags) {
        if (!flag->scheduler || flag->fits(service.scheduler)) continue;
        const auto wanted = name(*flag->scheduler);
        reading.error(at,
                      fmt::format("'{}' is a flag of the scheduler {}, not of {}", flag->name,
                                  wanted, name(service.scheduler)),
                      fmt::format("leave it out, or write scheduler = \"{}\"", wanted));
    }
}

// How packets reach a server.
struct Way {
    model::ForwardingMethod method;
    model::Tunnel tunnel;
};

// A server says it, or its service, or nobody.
Way way_of(const ForwardDraft& service, const ForwardDraft& server = {}) {
    const auto said = [&](auto member, auto otherwise) {
        if (server.*member) return (server.*member)->value;
        return service.*member ? (service.*member)->value : otherwise;
    };
    Way way{said(&ForwardDraft::forward, model::ServiceConfig{}.forward),
            {said(&ForwardDraft::tunnel, model::Tunnel{}.type), 0,
             said(&ForwardDraft::tunnel_checksum, model::Tunnel{}.checksum)}};
    if (way.tunnel.type == model::Encapsulation::Gue)
        way.tunnel.port =
            static_cast<model::Port>(said(&ForwardDraft::tunnel_port, std::uint32_t{kGuePort}));
    return way;
}

// Of the service for a server that says nothing, and of all its servers.
std::vector<Way> ways_of(const ServiceDraft& service) {
    std::vector<Way> ways{way_of(service)};
    for (const auto& [server, at] : service.servers) ways.push_back(way_of(service, server));
    if (service.sorry) ways.push_back(way_of(service, service.sorry->value));
    return ways;
}

// What `said` says of tunnels, for those who go these ways.
void check_tunnel(const ForwardDraft& said, const std::vector<Way>& ways, Reading& reading) {
    const auto any = [&](auto of) { return std::ranges::any_of(ways, of); };
    const bool tun = any([](const Way& way) { return way.method == model::ForwardingMethod::Tun; });
    const bool gue =
        tun && any([](const Way& way) { return way.tunnel.type == model::Encapsulation::Gue; });
    if (said.tunnel && said.tunnel->value != model::Tunnel{}.type && !tun)
        reading.error(said.tunnel->at, "tunnel: this service uses none",
                      "it belongs to forward = \"tun\"");
    if (said.tunnel_port && said.tunnel_port->value != kGuePort && !gue)
        reading.error(said.tunnel_port->at, "tunnel_port: this service's tunnel has no port",
                      "it belongs to tunnel = \"gue\"");
    if (!said.tunnel_checksum || said.tunnel_checksum->value == model::Tunnel{}.checksum) return;
    const auto& [checksum, at] = *said.tunnel_checksum;
    if (!tun)
        reading.error(at, "tunnel_checksum: this service uses no tunnel",
                      "it belongs to forward = \"tun\"");
    for (const Way& way : ways) {
        const bool has_it =
            way.method == model::ForwardingMethod::Tun && way.tunnel.checksum == checksum;
        if (!has_it || model::can_have(way.tunnel.type, checksum)) continue;
        return reading.error(at,
                             fmt::format("tunnel_checksum: {} has no checksum '{}'",
                                         name(way.tunnel.type), name(checksum)),
                             "full: gue, gre; remote: gue");
    }
}

void check_tunnels(const ServiceDraft& service, Reading& reading) {
    check_tunnel(service, ways_of(service), reading);
    for (const auto& [server, at] : service.servers)
        check_tunnel(server, {way_of(service, server)}, reading);
    if (service.sorry)
        check_tunnel(service.sorry->value, {way_of(service, service.sorry->value)}, reading);
}

// What is not rewritten keeps its port.
void check_server_port(const ServiceDraft& service, const Located<ServerDraft>& located,
                       Reading& reading) {
    const auto& [server, at] = located;
    const auto port = server.address.port;
    const auto method = way_of(service, server).method;
    if (model::rewrites(method)) return;
    for (const auto& [listen, listen_at] : service.listen) {
        if (port == 0 || (port == listen.address.port && !listen.is_range())) continue;
        return reading.error(
            at,
            fmt::format(
                "server {}: with forward = \"{}\" packets keep the port {}", server.address.text(),
                model::name(method),
                listen.is_range() ? "that they come for" : std::to_string(listen.address.port)),
            "leave the port out");
    }
}

void check_server_ports(const ServiceDraft& service, Reading& reading) {
    for (const auto& server : service.servers) check_server_port(service, server, reading);
    if (service.sorry) check_server_port(service, *service.sorry, reading);
}

// A check needs a port from somewhere.
void check_probed_ports(const ServiceDraft& service, Reading& reading) {
    const bool none = service.listen.empty() || service.listen.front().value.address.port == 0;
    for (const auto& [server, at] : service.servers) {
        const auto& checks = server.checks ? *server.checks : service.checks;
        const bool lacking = std::ranges::any_of(checks, [&](const model::Check& check) {
            return check.port == 0 && !std::holds_alternative<model::PingProbe>(check.probe) &&
                   !std::holds_alternative<model::ProgramProbe>(check.probe);
        });
        if (!lacking || !none || server.address.port != 0 || !server.enabled) continue;
        reading.error(
            at, fmt::format("server {}: its check has no port", server.address.address.text()),
            "neither server nor service has one: add port to the check");
    }
}

// What its checks take can be measured only where there are some; ruptime is asked by names.
void check_load(const ServiceDraft& service, Reading& reading) {
    if (!service.load) return;
    const auto& [load, load_at] = *service.load;
    for (const auto& [server, at] : service.servers) {
        if (!server.enabled) continue;
        const auto& checks = server.checks ? *server.checks : service.checks;
        if (load.from == model::LoadSource::Response && checks.empty())
            reading.error(load_at, "load from response: a server has no check to be measured",
                          "add: check = { type = \"http\" }");
        if (load.from == model::LoadSource::Ruptime && server.host.empty())
            reading.error(at, fmt::format("server {} has no host", server.address.address.text()),
                          "ruptime knows hosts by name: add host = \"NAME\"");
    }
}

// A check that goes the way of clients needs an address that clients use.
void check_ways(const ServiceDraft& service, Reading& reading) {
    for (const auto& [server, at] : service.servers) {
        for (const model::Check& check : server.checks ? *server.checks : service.checks) {
            if (!check.through_service) continue;
            const bool own_way = std::holds_alternative<model::PingProbe>(check.probe) ||
                                 std::holds_alternative<model::ProgramProbe>(check.probe);
            const std::string whose =
                fmt::format("server {}: its check by {}", server.address.address.text(),
                            model::type_name(check.probe));
            if (own_way)
                reading.error(at, whose + " does not go through the service",
                              "leave through out, or check by tcp, http, ...");
            else if (service.listen.empty())
                reading.error(at, whose + " has no virtual address to go through",
                              "a service by mark has none: leave through out");
            else if (check.address)
                reading.error(at, whose + " goes through the service, to its address",
                              "leave address out");
            else if (service.listen.front().value.address.address.family !=
                     server.address.address.family)
                reading.error(at, whose + " goes to a virtual address of the other family",
                              "leave through out: the answer would have no way back");
            else if (service.listen.front().value.address.port == 0 && check.port == 0)
                reading.error(at, whose + " has no port",
                              "the service is for all ports: add port to the check");
        }
    }
}

void check_quorum(const ServiceDraft& service, Reading& reading) {
    const auto& [hysteresis, at] = service.quorum_hysteresis;
    if (hysteresis >= service.quorum && hysteresis != 0)
        reading.error(
            at,
            fmt::format("quorum_hysteresis {} is not below quorum {}", hysteresis, service.quorum),
            "the quorum would never be lost");
}

void check_thresholds(const ServiceDraft& service, Reading& reading) {
    for (const auto& [server, at] : service.servers) {
        if (server.lower_threshold <= server.upper_threshold) continue;
        reading.error(at,
                      fmt::format("lower_threshold {} is above upper_threshold {}",
                                  server.lower_threshold, server.upper_threshold),
                      "it would never get new clients again");
    }
}

void check_addresses(const ServiceDraft& service, Reading& reading) {
    if (service.listen.empty() && service.mark.value == 0 && reading.clean())
        reading.error(service.name.at,
                      fmt::format("service '{}' has neither listen nor mark", service.name.value),
                      "add: listen = [\"10.0.0.2:80/tcp\"]");
    if (!service.listen.empty() && service.mark.value != 0)
        reading.error(service.mark.at, "mark: this service has listen addresses",
                      "its packets are known by the one or the other");
}

unsigned bits_of(const model::Address& address) {
    return address.family == model::Family::V4 ? 32 : 128;
}

// A service has clients of one family, by mark of IPv4; only tunnels reach servers of the other
// one.
void check_families(const ServiceDraft& service, Reading& reading) {
    const auto family = service.listen.empty()
                            ? model::Family::V4
                            : service.listen.front().value.address.address.family;
    const auto complain = [&](const model::Address& address, Position at, const char* hint) {
        if (address.family != family)
            reading.error(at, fmt::format("{} is not of the family of the service", address.text()),
                          hint);
    };
    for (const auto& [listen, at] : service.listen)
        complain(listen.address.address, at, "IPv4 and IPv6 are two services");
    for (const auto& [address, at] : service.local_addresses)
        complain(address, at, "a local address is of the family of the service");
    const auto reach = [&](const Located<ServerDraft>& server) {
        if (way_of(service, server.value).method != model::ForwardingMethod::Tun)
            complain(server.value.address.address, server.at,
                     "only a tunnel leads there: forward = \"tun\"");
    };
    for (const auto& server : service.servers) reach(server);
    if (service.sorry) reach(*service.sorry);
}

// What belongs to fullnat, and what it cannot do.
void check_fullnat(const ServiceDraft& service, Reading& reading) {
    const auto& local = service.local_addresses;
    const auto& ports = service.local_ports;
    const auto& way = service.client_address;
    const std::string hint = "it belongs to forward = \"fullnat\"";
    const bool used = std::ranges::any_of(ways_of(service), [](const Way& each) {
        return each.method == model::ForwardingMethod::FullNat;
    });
    if (!used) {
        if (!local.empty())
            reading.error(local.front().at, "local_addresses: this service uses none", hint);
        if (ports.value.first != PortsDraft{}.first || ports.value.last != PortsDraft{}.last)
            reading.error(ports.at, "local_ports: this service uses none", hint);
        if (way.value != model::ClientAddress::None)
            reading.error(way.at, "client_address: this service's servers see it", hint);
        return;
    }
    if (local.empty() && reading.clean())
        reading.error(service.name.at,
                      fmt::format("service '{}' has no local_addresses", service.name.value),
                      "fullnat needs some: local_addresses = [\"192.168.10.254\"]");
    if (local.size() > model::kMostLocalAddresses)
        reading.error(local.back().at, fmt::format("local_addresses: {} are too many, at most {}",
                                                   local.size(), model::kMostLocalAddresses));
    Claims<model::Address> addresses;
    for (const auto& [address, at] : local)
        if (const auto first = addresses.claim(address, at))
            reading.error(at, fmt::format("{} is listed twice", address.text()), first_on(*first));
    if (ports.value.first > ports.value.last)
        reading.error(ports.at, fmt::format("local_ports: {} is above {}", ports.value.first,
                                            ports.value.last));
    if (service.one_packet.value)
        reading.error(service.one_packet.at, "one_packet: fullnat keeps connections",
                      "another forward, or without one_packet");
    for (const auto& [listen, at] : service.listen)
        if (listen.protocol == model::Protocol::Sctp)
            reading.error(at, "fullnat is for TCP and UDP, not for SCTP",
                          "give it a service of its own");
}

void check_mask(const ServiceDraft& service, Reading& reading) {
    if (!service.persistence || !service.persistence->mask) return;
    const auto& [mask, mask_at] = *service.persistence->mask;
    const auto most =
        service.listen.empty() ? 32 : bits_of(service.listen.front().value.address.address);
    if (mask > most)
        reading.error(mask_at, fmt::format("mask: {} is not within 0 to {}", mask, most), "");
}

void check_persistence(const ServiceDraft& service, Reading& reading) {
    if (service.persistence || service.is_group()) return;
    for (const auto& [listen, at] : service.listen) {
        if (listen.address.port != 0) continue;
        reading.error(at, "port 0, all ports, needs persistence",
                      "add: persistence = { timeout = \"360s\" }");
    }
}

void check_engine(const ServiceDraft& service, Reading& reading) {
    if (!service.persistence || service.persistence->engine.value == model::PersistenceEngine::None)
        return;
    for (const auto& [listen, at] : service.listen) {
        if (listen.protocol == model::Protocol::Udp) continue;
        reading.error(service.persistence->engine.at,
                      fmt::format("engine: sip is only for UDP, not for {}", listen_text(listen)),
                      "give the others a service of their own");
    }
}

void check_one_packet(const ServiceDraft& service, Reading& reading) {
    if (!service.one_packet.value) return;
    for (const auto& [listen, at] : service.listen) {
        if (listen.protocol == model::Protocol::Udp) continue;
        reading.error(service.one_packet.at,
                      fmt::format("one_packet is only for UDP, not for {}", listen_text(listen)),
                      "give the others a service of their own");
    }
}

// The one that it will have in the data plane; 0: none.
std::uint32_t mark_of(const ServiceDraft& service) {
    if (service.is_group()) return model::group_mark(service.name.value);
    return service.listen.empty() ? service.mark.value : 0;
}

// Every packet is of one service.
class Listens {
public:
    void claim(const Located<model::Listen>& listen, Reading& reading) {
        const auto& [wanted, at] = listen;
        auto& others = claimed_[{wanted.protocol, wanted.address.address}];
        const auto other = std::find_if(others.begin(), others.end(), [&](const auto& each) {
            return each.value.overlaps(wanted);
        });
        if (other != others.end() && other->value == wanted)
            reading.error(at, fmt::format("{} is listened on twice", listen_text(wanted)),
                          first_on(other->at));
        else if (other != others.end())
            reading.error(
                at,
                fmt::format("{} has ports of {}", listen_text(wanted), listen_text(other->value)),
                first_on(other->at));
        others.push_back(listen);
    }

private:
    std::map<std::pair<model::Protocol, model::Address>, std::vector<Located<model::Listen>>>
        claimed_;
};

void check_services(const FileDraft& draft, Reading& reading) {
    Claims<std::string> names;
    Listens addresses;
    Claims<std::uint32_t> marks;
    for (const ServiceDraft& service : draft.services) {
        const auto& name = service.name;
        if (!name.value.empty()) {
            if (const auto first = names.claim(name.value, name.at)) {
                reading.error(name.at, fmt::format("two services are named '{}'", name.value),
                              first_on(*first));
            }
        }
        for (const auto& listen : service.listen) addresses.claim(listen, reading);
        if (const auto mark = mark_of(service); mark != 0 && !name.value.empty()) {
            if (const auto first = marks.claim(mark, name.at))
                reading.error(name.at,
                              fmt::format("'{}' has the mark of another service", name.value),
                              first_on(*first));
        }
        check_addresses(service, reading);
        check_scheduler_flags(service, reading);
        check_servers(service, reading);
        check_tunnels(service, reading);
        check_server_ports(service, reading);
        check_probed_ports(service, reading);
        check_ways(service, reading);
        check_load(service, reading);
        check_quorum(service, reading);
        check_thresholds(service, reading);
        check_families(service, reading);
        check_mask(service, reading);
        check_persistence(service, reading);
        check_engine(service, reading);
        check_one_packet(service, reading);
        check_fullnat(service, reading);
    }
}

void check_masquerades(const FileDraft& draft, Reading& reading) {
    Claims<std::pair<model::Network, std::string>> seen;
    for (const auto& [masquerade, at] : draft.masquerades) {
        if (const auto first = seen.claim({masquerade.from, masquerade.out}, at)) {
            reading.error(at,
                          fmt::format("{} is masqueraded to {} twice", masquerade.from.text(),
                                      masquerade.out),
                          first_on(*first));
        }
    }
}

void check_ftp_ports(const DirectorDraft& draft, Reading& reading) {
    const auto& [ports, at] = draft.ftp_ports;
    if (ports.size() > model::kMostFtpPorts)
        reading.error(at, fmt::format("{} ports for FTP, at most {} are possible", ports.size(),
                                      model::kMostFtpPorts));
}

// The port that it has if none is given.
model::Endpoint with_port(model::Endpoint agents) {
    if (agents.port == 0) agents.port = model::kAgentPort;
    return agents;
}

void check_agents(const DirectorDraft& draft, Reading& reading) {
    Claims<model::Endpoint> seen;
    for (const auto& [place, at] : draft.agents) {
        if (const auto first = seen.claim(with_port(place), at))
            reading.error(at, fmt::format("{} is listed twice", with_port(place).text()),
                          first_on(*first));
    }
}

model::DirectorConfig to_director(const DirectorDraft& draft) {
    model::DirectorConfig director;
    for (const auto& [interface, at] : draft.interfaces) {
        director.interfaces.push_back({interface.name, interface.hook.value_or(draft.hook)});
    }
    director.hook = draft.hook;
    director.connections = draft.connections;
    director.timeouts = draft.timeouts;
    director.switches = draft.switches;
    director.locality = {draft.lblc_expiration, draft.lblcr_expiration};
    director.ftp_ports.assign(draft.ftp_ports.value.begin(), draft.ftp_ports.value.end());
    director.manage_sysctls = draft.manage_sysctls;
    director.on_drift = draft.on_drift;
    for (const auto& [place, at] : draft.agents) director.agents.push_back(with_port(place));
    return director;
}

model::ServerConfig to_server(const ServiceDraft& service, const ServerDraft& draft) {
    const Way way = way_of(service, draft);
    model::ServerConfig server(model::RealServer{draft.address, draft.weight, way.method,
                                                 way.tunnel, draft.upper_threshold,
                                                 draft.lower_threshold});
    server.checks = draft.checks.value_or(service.checks);
    server.on_failure = draft.on_failure.value_or(service.on_failure);
    server.enabled = draft.enabled;
    server.host = draft.host;
    server.notify = draft.notify.value_or(service.notify);
    return server;
}

model::ServiceConfig to_service(const ServiceDraft& draft) {
    model::ServiceConfig service;
    service.name = draft.name.value;
    service.notify = draft.notify;
    for (const auto& [listen, at] : draft.listen) service.listen.push_back(listen);
    service.mark = draft.mark.value;
    service.scheduler = draft.scheduler;
    for (const auto& [flag, at] : draft.scheduler_flags) service.scheduler_flags.set(flag->flags);
    service.forward = way_of(draft).method;
    service.one_packet = draft.one_packet.value;
    if (draft.persistence) {
        const auto& mask = draft.persistence->mask;
        const unsigned whole =
            draft.listen.empty() ? 32 : bits_of(draft.listen.front().value.address.address);
        service.persistence = model::Persistence{
            draft.persistence->timeout, static_cast<std::uint8_t>(mask ? mask->value : whole)};
        service.engine = draft.persistence->engine.value;
    }
    for (const auto& [address, at] : draft.local_addresses)
        service.local.addresses.push_back(address);
    service.local.first_port = static_cast<model::Port>(draft.local_ports.value.first);
    service.local.last_port = static_cast<model::Port>(draft.local_ports.value.last);
    service.local.client_address = draft.client_address.value;
    for (const auto& [server, at] : draft.servers)
        service.servers.push_back(to_server(draft, server));
    if (draft.sorry) service.sorry = to_server(draft, draft.sorry->value);
    service.enabled = draft.enabled;
    service.quorum = draft.quorum;
    service.quorum_hysteresis = draft.quorum_hysteresis.value;
    service.slow_start = draft.slow_start;
    if (draft.load) service.load = draft.load->value;
    return service;
}

}  // namespace

void check(const FileDraft& draft, Reading& reading) {
    check_interfaces(draft.director, reading);
    check_ftp_ports(draft.director, reading);
    check_agents(draft.director, reading);
    check_services(draft, reading);
    check_masquerades(draft, reading);
}

model::Config to_config(const FileDraft& draft) {
    model::Config config;
    config.director = to_director(draft.director);
    for (const ServiceDraft& service : draft.services) {
        config.services.push_back(to_service(service));
    }
    for (const auto& [masquerade, at] : draft.masquerades) config.masquerades.push_back(masquerade);
    return config;
}

}  // namespace isobar::config
