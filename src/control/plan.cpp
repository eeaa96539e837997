// SPDX-License-Identifier: Apache-2.0
#include "control/plan.h"

namespace isobar::control {
namespace {

model::VirtualService virtual_service(const model::ServiceConfig& service,
                                      const model::ServiceKey& key) {
    model::VirtualService result{key,
                                 service.scheduler,
                                 service.servers,
                                 service.scheduler_flags,
                                 service.persistence,
                                 service.one_packet};
    for (model::RealServer& server : result.servers) {
        if (server.address.port == 0) server.address.port = key.address.port;
    }
    return result;
}

}  // namespace

model::Forwarding plan(const model::Config& config) {
    model::Forwarding wanted;
    wanted.timeouts = config.director.timeouts;
    wanted.expiry = config.director.expiry;
    for (const model::ServiceConfig& service : config.services) {
        for (const model::ServiceKey& key : service.listen) {
            wanted.services.push_back(virtual_service(service, key));
        }
    }
    return wanted;
}

}  // namespace isobar::control
