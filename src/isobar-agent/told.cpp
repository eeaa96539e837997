// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/told.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace isobar::agent {
namespace {

using api::Served;
using model::ForwardingMethod;

bool wants_vip_here(const Served& served) {
    return served.forward == ForwardingMethod::Dr || served.forward == ForwardingMethod::Tun;
}

Tunnel tunnel_of(model::Encapsulation type) {
    switch (type) {
        case model::Encapsulation::Ipip:
            return Tunnel::Ipip;
        case model::Encapsulation::Gue:
            return Tunnel::Gue;
        case model::Encapsulation::Gre:
            return Tunnel::Gre;
    }
    return Tunnel::Ipip;
}

void add_vip(std::vector<Vip>& vips, const model::Address& address) {
    const bool known = std::any_of(vips.begin(), vips.end(),
                                   [&](const Vip& vip) { return vip.address == address; });
    if (!known) vips.push_back({address, ""});
}

// In the order that directors say it in: the same answers, the same settings.
std::vector<Served> all_of(const std::vector<api::RealServer>& told) {
    std::vector<Served> all;
    for (const api::RealServer& each : told)
        all.insert(all.end(), each.services.begin(), each.services.end());
    return all;
}

// Where packets of clients come to; nothing where that is no single port, or nobody has told.
std::optional<Listening> port_of(const Served& served) {
    const bool known =
        served.protocol == model::Protocol::Tcp || served.protocol == model::Protocol::Udp;
    if (!known || served.last_port != 0) return std::nullopt;
    if (served.forward == ForwardingMethod::Nat) {
        if (served.server_port == 0) return std::nullopt;
        return Listening{served.protocol,
                         {{served.address.address.family, {}}, served.server_port}};
    }
    if (served.address.port == 0) return std::nullopt;
    return Listening{served.protocol, served.address};
}

Method method_of(const Served& served) {
    return served.forward == ForwardingMethod::Dr ? Method::Dr : Method::Tun;
}

}  // namespace

Result<Settings> with_told(Settings by_hand, const std::vector<api::RealServer>& told) {
    Settings settings = std::move(by_hand);
    std::optional<model::Port> gue_port;
    for (const Served& served : all_of(told)) {
        if (!wants_vip_here(served)) continue;
        add_vip(settings.vips, served.address.address);
        if (served.forward != ForwardingMethod::Tun) continue;
        settings.tunnels.insert(tunnel_of(served.tunnel.type));
        if (served.tunnel.type != model::Encapsulation::Gue) continue;
        if (gue_port && *gue_port != served.tunnel.port)
            return failure(Fault::Invalid,
                           fmt::format("GUE comes to two ports, {} and {}: this program takes one",
                                       *gue_port, served.tunnel.port));
        gue_port = served.tunnel.port;
    }
    if (gue_port) settings.gue_port = *gue_port;
    if (settings.vips.empty()) return settings;
    if (auto sound = check_settings(settings); !sound) return tl::unexpected(sound.error());
    return settings;
}

api::RealServer settled(const api::RealServer& before, api::RealServer now) {
    std::set<model::Address> vips;
    for (const Served& served : now.services) vips.insert(served.address.address);
    for (const Served& served : before.services)
        if (!vips.contains(served.address.address)) now.services.push_back(served);
    return now;
}

std::vector<Question> questions_of(const std::vector<api::RealServer>& told,
                                   const std::optional<model::Address>& gateway,
                                   const std::string& agent) {
    const std::vector<Served> all = all_of(told);
    std::set<model::Address> here;
    for (const Served& served : all)
        if (wants_vip_here(served)) here.insert(served.address.address);

    std::vector<Question> questions;
    for (const Method method : {Method::Dr, Method::Tun, Method::Nat}) {
        Question question;
        question.method = method;
        question.agent = agent;
        std::set<model::Address> vips;
        for (const Served& served : all) {
            const model::Address& vip = served.address.address;
            const bool by_nat = method == Method::Nat && served.forward == ForwardingMethod::Nat;
            const bool by_vip = wants_vip_here(served) && method_of(served) == method;
            if (const auto port = by_nat || by_vip ? port_of(served) : std::nullopt)
                question.ports.push_back(*port);
            if (by_vip) {
                vips.insert(vip);
                if (method == Method::Tun) question.tunnels.insert(tunnel_of(served.tunnel.type));
            }
            if (by_nat && !here.contains(vip)) vips.insert(vip);
        }
        if (vips.empty()) continue;
        question.vips.assign(vips.begin(), vips.end());
        if (method == Method::Nat) question.gateway = gateway;
        questions.push_back(std::move(question));
    }
    return questions;
}

}  // namespace isobar::agent
