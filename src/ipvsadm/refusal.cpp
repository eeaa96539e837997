// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/refusal.h"

#include <string_view>

#include <fmt/format.h>

#include "model/service.h"

namespace isobar::ipvsadm {
namespace {

std::string later(std::string_view what) {
    return fmt::format("{} comes with a later version of Isobar", what);
}

bool is_ipv6(const model::Endpoint& endpoint) {
    return endpoint.address.family == model::Family::V6;
}

bool is_tunnel_of_ipv6(const Command& command) {
    return command.forward == model::ForwardingMethod::Tun && command.service && command.server &&
           (is_ipv6(command.service->address) || is_ipv6(*command.server));
}

std::optional<std::string> find_later_address(const Command& command) {
    if (is_tunnel_of_ipv6(command)) return later("a tunnel of IPv6 (-i)");
    return std::nullopt;
}

std::optional<std::string> find_later_service_option(const Command& command) {
    if (command.persistence && command.mask_with_holes) {
        return "a netmask with holes in it (-M) is not supported";
    }
    if (command.persistence_engine == "sip") return later("the persistence engine sip (--pe)");
    return std::nullopt;
}

std::optional<std::string> find_later_server_option(const Command& command) {
    if (command.tunnel_checksum) return later("the checksum of a tunnel (--tun-csum)");
    if (command.tunnel_remote_checksum) {
        return later("the remote checksum of a tunnel (--tun-remcsum)");
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> find_later_feature(const Command& command) {
    // Nothing of the kind can be there yet, so there is a true answer: no such service.
    if (command.action == Action::List) return std::nullopt;

    if (auto later_address = find_later_address(command)) return later_address;
    switch (command.action) {
        case Action::AddService:
        case Action::EditService:
            return find_later_service_option(command);
        case Action::AddServer:
        case Action::EditServer:
            return find_later_server_option(command);
        case Action::StartDaemon:
            return later("the connection synchronisation daemon");
        default:
            return std::nullopt;
    }
}

}  // namespace isobar::ipvsadm
