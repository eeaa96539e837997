// SPDX-License-Identifier: Apache-2.0
#include "control/plan.h"

namespace isobar::control {
namespace {

model::VirtualService virtual_service(const model::ServiceConfig& service) {
    model::VirtualService result{service.key(),           service.scheduler,   service.servers,
                                 service.scheduler_flags, service.persistence, service.one_packet,
                                 service.local,           service.engine};
    for (model::RealServer& server : result.servers) {
        if (server.address.port == 0) server.address.port = result.key.address.port;
    }
    return result;
}

// The packets that belong to the group.
void add_rules(const model::ServiceConfig& group, std::vector<model::MarkRule>& rules) {
    for (const model::Listen& listen : group.listen) {
        const auto& [address, port] = listen.address;
        const bool ipv4 = address.family == model::Family::V4;
        rules.push_back({listen.protocol,
                         {{address.family, {}}, 0},
                         {address, ipv4 ? 32U : 128U},
                         port,
                         port == 0 ? model::Port{65535} : listen.last(),
                         group.key().mark});
    }
}

}  // namespace

model::Forwarding plan(const model::Config& config) {
    model::Forwarding wanted;
    wanted.timeouts = config.director.timeouts;
    wanted.switches = config.director.switches;
    wanted.locality = config.director.locality;
    wanted.ftp_ports = config.director.ftp_ports;
    for (const model::ServiceConfig& service : config.services) {
        wanted.services.push_back(virtual_service(service));
        if (service.is_group()) add_rules(service, wanted.groups);
    }
    return wanted;
}

}  // namespace isobar::control
