// SPDX-License-Identifier: Apache-2.0
#include "control/probe_services.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>

#include "base/fd.h"
#include "base/text.h"
#include "model/socket_address.h"

namespace isobar::control {
namespace {

bool goes_through(const model::ServerConfig& server) {
    return server.enabled && std::ranges::any_of(server.checks, &model::Check::through_service);
}

model::VirtualService way_to(const model::ServiceConfig& service, model::RealServer server,
                             std::uint32_t mark) {
    model::VirtualService way;
    way.key = model::ServiceKey::by_mark(mark, probed_address(service).address.family);
    way.scheduler = model::Scheduler::Rr;
    way.local = service.local;
    server.weight = 1;
    server.upper_threshold = 0;
    server.lower_threshold = 0;
    server.address = service.endpoint_of(server.address);
    way.servers = {server};
    return way;
}

// The address of this host that packets to the server are from.
Result<model::Address> own_address_toward(const model::Endpoint& server) {
    const auto to = model::to_socket_address(server);
    const Fd scout(::socket(to.get()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!scout.valid() || ::connect(scout.get(), to.get(), to.length) != 0)
        return system_failure("no way to the server", errno);
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    if (::getsockname(scout.get(), reinterpret_cast<sockaddr*>(&from), &length) != 0)
        return system_failure("no address toward the server", errno);
    return model::address_of(from).value_or(model::Address{});
}

}  // namespace

model::Endpoint probed_address(const model::ServiceConfig& service) {
    return service.listen.empty() ? model::Endpoint{} : service.listen.front().address;
}

ProbeMarks probe_marks(const model::Config& config) {
    ProbeMarks marks;
    std::set<std::uint32_t> taken;
    for (const model::ServiceConfig& service : config.services) {
        if (!service.enabled) continue;
        for (const model::ServerConfig& server : service.servers) {
            if (!goes_through(server)) continue;
            const ServerName name{service.name, server.address};
            std::uint32_t mark =
                fnv1a(service.name + ' ' + server.address.text()) | model::kFirstProbeMark;
            while (!taken.insert(mark).second) mark = (mark + 1) | model::kFirstProbeMark;
            marks.emplace(name, mark);
        }
    }
    return marks;
}

std::vector<model::VirtualService> probe_services(const model::Config& config) {
    std::vector<model::VirtualService> all;
    const ProbeMarks marks = probe_marks(config);
    if (marks.empty()) return all;
    for (const model::ServiceConfig& service : config.services) {
        for (const model::ServerConfig& server : service.servers) {
            const auto mark = marks.find({service.name, server.address});
            if (mark != marks.end()) all.push_back(way_to(service, server, mark->second));
        }
    }
    return all;
}

Result<void> prepare_probe(int socket, const health::Subject& subject) {
    if (subject.mark == 0) return {};
    if (::setsockopt(socket, SOL_SOCKET, SO_MARK, &subject.mark, sizeof subject.mark) != 0)
        return system_failure("SO_MARK", errno);
    const auto own = own_address_toward(subject.server);
    if (!own) return tl::unexpected(own.error());
    const auto from = model::to_socket_address({*own, 0});  // any port
    if (::bind(socket, from.get(), from.length) != 0) return system_failure("bind", errno);
    return {};
}

}  // namespace isobar::control
