// SPDX-License-Identifier: Apache-2.0
#include "api/real_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace isobar::api {
namespace {

using Json = nlohmann::ordered_json;
using model::Encapsulation;
using model::ForwardingMethod;
using model::Protocol;
using model::TunnelChecksum;

bool is_one_address(const model::Network& network) {
    return network.prefix == (network.address.family == model::Family::V4 ? 32U : 128U);
}

Served served_by_mark(const model::MarkRule& rule) {
    Served served{rule.protocol, {rule.destination.address, rule.first_port}, 0, {}, {}};
    if (rule.first_port == 0)
        served.address.port = 0;  // to 65535
    else if (rule.last_port != rule.first_port)
        served.last_port = rule.last_port;
    return served;
}

// The addresses that clients use for a service; none if nobody knows.
std::vector<Served> addresses_of(const model::ServiceKey& key,
                                 const std::vector<model::MarkRule>& marks) {
    if (key.mark == 0) return {Served{key.protocol, key.address, 0, {}, {}}};
    std::vector<Served> found;
    for (const model::MarkRule& rule : marks) {
        const model::Network& to = rule.destination;
        if (rule.mark == key.mark && is_one_address(to) &&
            to.address.family == key.address.address.family)
            found.push_back(served_by_mark(rule));
    }
    return found;
}

Json served_json(const Served& served) {
    Json json = {{"protocol", name(served.protocol)},
                 {"address", served.address.text()},
                 {"last_port", served.last_port},
                 {"forward", name(served.forward)}};
    if (served.server_port != 0) json["server_port"] = served.server_port;
    if (served.forward == ForwardingMethod::Tun)
        json["tunnel"] = {{"type", name(served.tunnel.type)},
                          {"port", served.tunnel.port},
                          {"checksum", name(served.tunnel.checksum)}};
    return json;
}

// What throws is caught in parse_real_server, as what nlohmann throws.
template <typename Value>
Value one_of(const Json& json, const char* field, std::initializer_list<Value> values) {
    const auto text = json.at(field).get<std::string>();
    for (const Value value : values)
        if (name(value) == text) return value;
    throw std::invalid_argument(fmt::format("'{}' cannot be a {}", text, field));
}

// nlohmann cuts a number off where it does not fit.
model::Port parse_port(const Json& json, const char* field) {
    const auto port = json.at(field).get<std::int64_t>();
    if (!json.at(field).is_number_integer() || port < 0 || port > 65535)
        throw std::invalid_argument(fmt::format("{} cannot be a {}", json.at(field).dump(), field));
    return static_cast<model::Port>(port);
}

model::Endpoint parse_service_address(const Json& json) {
    const auto text = json.at("address").get<std::string>();
    const auto address = model::Endpoint::parse(text);
    if (!address || !model::is_unicast(address->address))
        throw std::invalid_argument(fmt::format("'{}' cannot be a service's address", text));
    return *address;
}

model::Tunnel parse_tunnel(const Json& json) {
    model::Tunnel tunnel;
    tunnel.type =
        one_of(json, "type", {Encapsulation::Ipip, Encapsulation::Gue, Encapsulation::Gre});
    tunnel.port = parse_port(json, "port");
    tunnel.checksum = one_of(json, "checksum",
                             {TunnelChecksum::None, TunnelChecksum::Full, TunnelChecksum::Remote});
    if ((tunnel.type == Encapsulation::Gue) != (tunnel.port != 0))
        throw std::invalid_argument("a port goes with gue, and only with gue");
    return tunnel;
}

Served parse_served(const Json& json) {
    using enum ForwardingMethod;
    Served served;
    served.protocol =
        one_of(json, "protocol", {Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Any});
    served.address = parse_service_address(json);
    served.last_port = parse_port(json, "last_port");
    served.forward = one_of(json, "forward", {Nat, Dr, Tun, FullNat});
    if (json.contains("server_port")) served.server_port = parse_port(json, "server_port");
    if (served.forward == Tun) served.tunnel = parse_tunnel(json.at("tunnel"));
    return served;
}

void sort_out(std::vector<Served>& services) {
    std::sort(services.begin(), services.end());
    services.erase(std::unique(services.begin(), services.end()), services.end());
}

RealServer parse_document(const Json& json) {
    RealServer server;
    const auto text = json.at("address").get<std::string>();
    const auto address = model::Address::parse(text);
    if (!address) throw std::invalid_argument(fmt::format("'{}' cannot be an address", text));
    server.address = *address;
    const Json& services = json.at("services");
    if (!services.is_array()) throw std::invalid_argument("services are no list");
    for (const Json& service : services) server.services.push_back(parse_served(service));
    sort_out(server.services);
    return server;
}

}  // namespace

RealServer real_server(const model::Address& address,
                       const std::vector<model::ServiceStatus>& services,
                       const std::vector<model::MarkRule>& marks) {
    RealServer found{address, {}};
    for (const model::ServiceStatus& service : services) {
        for (const model::ServerStatus& status : service.servers) {
            const model::RealServer& server = status.server;
            if (server.address.address != address) continue;
            for (Served served : addresses_of(service.key, marks)) {
                served.forward = server.method;
                if (server.method == ForwardingMethod::Nat)
                    served.server_port = server.address.port;
                if (server.method == ForwardingMethod::Tun) served.tunnel = server.tunnel;
                found.services.push_back(served);
            }
        }
    }
    sort_out(found.services);
    return found;
}

std::string real_server_json(const RealServer& server) {
    Json services = Json::array();
    for (const Served& served : server.services) services.push_back(served_json(served));
    const Json document = {{"version", kRealServerVersion},
                           {"address", server.address.text()},
                           {"services", std::move(services)}};
    return document.dump();
}

Result<RealServer> parse_real_server(std::string_view json) {
    try {
        const Json document = Json::parse(json);
        const int version = document.at("version").get<int>();
        if (version != kRealServerVersion)
            return failure(Fault::Unsupported,
                           fmt::format("the director speaks version {}, this program knows {}",
                                       version, kRealServerVersion));
        return parse_document(document);
    } catch (const std::exception& error) {
        return failure(Fault::Invalid, fmt::format("no answer of a director: {}", error.what()));
    }
}

}  // namespace isobar::api
