// SPDX-License-Identifier: Apache-2.0
#include "model/service.h"

#include <algorithm>
#include <cctype>

namespace isobar::model {
namespace {

struct SchedulerName {
    Scheduler scheduler;
    std::string_view name;
};

constexpr SchedulerName kSchedulers[] = {
#define X(number, name, Name) {Scheduler::Name, #name},
    ISOBAR_SCHEDULER_LIST(X)
#undef X
};

}  // namespace

std::string_view name(Protocol protocol) {
    switch (protocol) {
        case Protocol::Tcp:
            return "tcp";
        case Protocol::Udp:
            return "udp";
        case Protocol::Any:
            return "any";
        case Protocol::Sctp:
            return "sctp";
    }
    return "?";
}

std::string_view name(Scheduler scheduler) {
    for (const auto& known : kSchedulers) {
        if (known.scheduler == scheduler) return known.name;
    }
    return "?";
}

std::string_view name(ForwardingMethod method) {
    switch (method) {
        case ForwardingMethod::Nat:
            return "nat";
        case ForwardingMethod::Dr:
            return "dr";
        case ForwardingMethod::Tun:
            return "tun";
        case ForwardingMethod::FullNat:
            return "fullnat";
    }
    return "?";
}

std::string_view name(ClientAddress way) {
    switch (way) {
        case ClientAddress::None:
            return "none";
        case ClientAddress::Toa:
            return "toa";
        case ClientAddress::Proxy:
            return "proxy";
    }
    return "?";
}

std::string_view name(PersistenceEngine engine) {
    return engine == PersistenceEngine::Sip ? "sip" : "none";
}

bool rewrites(ForwardingMethod method) {
    return method == ForwardingMethod::Nat || method == ForwardingMethod::FullNat;
}

std::string_view name(Encapsulation type) {
    switch (type) {
        case Encapsulation::Ipip:
            return "ipip";
        case Encapsulation::Gue:
            return "gue";
        case Encapsulation::Gre:
            return "gre";
    }
    return "?";
}

std::string_view name(TunnelChecksum checksum) {
    switch (checksum) {
        case TunnelChecksum::None:
            return "none";
        case TunnelChecksum::Full:
            return "full";
        case TunnelChecksum::Remote:
            return "remote";
    }
    return "?";
}

bool can_have(Encapsulation type, TunnelChecksum checksum) {
    if (type == Encapsulation::Ipip) return checksum == TunnelChecksum::None;
    return type == Encapsulation::Gue || checksum != TunnelChecksum::Remote;
}

std::optional<Scheduler> scheduler_named(std::string_view name) {
    for (const auto& known : kSchedulers) {
        if (known.name == name) return known.scheduler;
    }
    return std::nullopt;
}

std::optional<Protocol> protocol_named(std::string_view name) {
    if (name == "tcp") return Protocol::Tcp;
    if (name == "udp") return Protocol::Udp;
    if (name == "sctp") return Protocol::Sctp;
    return std::nullopt;
}

const std::vector<std::string_view>& scheduler_names() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> all;
        for (const auto& known : kSchedulers) all.push_back(known.name);
        return all;
    }();
    return names;
}

std::vector<ServiceStatus> without_probes(std::vector<ServiceStatus> services) {
    std::erase_if(services, [](const ServiceStatus& service) { return is_probe(service.key); });
    return services;
}

ServiceKey ServiceKey::by_mark(std::uint32_t mark, Family family) {
    return {Protocol::Any, {{family, {}}, 0}, mark};
}

std::string ServiceKey::text() const {
    if (mark != 0) {
        const bool ipv4 = address.address.family == Family::V4;
        return "FWM " + std::to_string(mark) + (ipv4 ? "" : " IPv6");
    }
    std::string text(model::name(protocol));
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text + " " + address.text();
}

}  // namespace isobar::model
