// SPDX-License-Identifier: Apache-2.0
#include "dataplane/routes.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/netlink.h"

namespace isobar::dataplane {
namespace {

int read_attribute(const nlattr* attribute, void* data) {
    auto& route = *static_cast<Route*>(data);
    const auto read_address = [&](model::Address& address) {
        const std::size_t length = mnl_attr_get_payload_len(attribute);
        if (length <= address.bytes.size())
            std::memcpy(address.bytes.data(), mnl_attr_get_payload(attribute), length);
    };
    switch (mnl_attr_get_type(attribute)) {
        case RTA_PREFSRC:
            read_address(route.source);
            break;
        case RTA_GATEWAY:
            read_address(route.gateway.emplace(model::Address{route.source.family, {}}));
            break;
        case RTA_OIF:
            route.link = static_cast<int>(mnl_attr_get_u32(attribute));
            break;
        default:
            break;
    }
    return MNL_CB_OK;
}

int read_route(const nlmsghdr* message, void* data) {
    const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
    static_cast<Route*>(data)->local = header->rtm_type == RTN_LOCAL;
    mnl_attr_parse(message, sizeof(*header), read_attribute, data);
    return MNL_CB_STOP;
}

// What an address takes; nothing that is too long.
void read_address(const nlattr* attribute, model::Family family, model::Address& address) {
    const auto length = mnl_attr_get_payload_len(attribute);
    if (length > address.bytes.size()) return;
    address.family = family;
    std::memcpy(address.bytes.data(), mnl_attr_get_payload(attribute), length);
}

struct Way {
    bool unicast = false;
    int interface = 0;
    model::NextHop hop;
};

int read_metric(const nlattr* attribute, void* data) {
    if (mnl_attr_get_type(attribute) == RTAX_MTU)
        static_cast<Way*>(data)->hop.mtu = mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

// RTA_VIA: a gateway of the other family (RFC 5549).
void read_via(const nlattr* attribute, model::Address& gateway) {
    const auto* via = static_cast<const rtvia*>(mnl_attr_get_payload(attribute));
    const bool v4 = via->rtvia_family == AF_INET;
    const auto length = mnl_attr_get_payload_len(attribute) - sizeof(*via);
    gateway = {v4 ? model::Family::V4 : model::Family::V6, {}};
    std::memcpy(gateway.bytes.data(), via->rtvia_addr, std::min(length, gateway.bytes.size()));
}

int read_way_attribute(const nlattr* attribute, void* data) {
    auto& way = *static_cast<Way*>(data);
    switch (mnl_attr_get_type(attribute)) {
        case RTA_OIF:
            way.interface = static_cast<int>(mnl_attr_get_u32(attribute));
            break;
        case RTA_GATEWAY:
            read_address(attribute, way.hop.gateway.family, way.hop.gateway);
            way.hop.on_link = false;
            break;
        case RTA_VIA:
            read_via(attribute, way.hop.gateway);
            way.hop.on_link = false;
            break;
        case RTA_METRICS:
            mnl_attr_parse_nested(attribute, read_metric, data);
            break;
        default:
            break;
    }
    return MNL_CB_OK;
}

int read_way(const nlmsghdr* message, void* data) {
    const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
    static_cast<Way*>(data)->unicast = header->rtm_type == RTN_UNICAST;
    mnl_attr_parse(message, sizeof(*header), read_way_attribute, data);
    return MNL_CB_STOP;
}

int read_link_attribute(const nlattr* attribute, void* data) {
    auto& hop = static_cast<Way*>(data)->hop;
    if (mnl_attr_get_type(attribute) == IFLA_IFNAME) hop.interface = mnl_attr_get_str(attribute);
    if (mnl_attr_get_type(attribute) == IFLA_MTU) {
        const auto mtu = mnl_attr_get_u32(attribute);
        hop.mtu = hop.mtu == 0 ? mtu : std::min(hop.mtu, mtu);
    }
    return MNL_CB_OK;
}

int read_link(const nlmsghdr* message, void* data) {
    mnl_attr_parse(message, sizeof(ifinfomsg), read_link_attribute, data);
    return MNL_CB_STOP;
}

int read_neighbour_attribute(const nlattr* attribute, void* data) {
    if (mnl_attr_get_type(attribute) == NDA_LLADDR && mnl_attr_get_payload_len(attribute) == 6) {
        std::array<std::uint8_t, 6> mac{};
        std::memcpy(mac.data(), mnl_attr_get_payload(attribute), mac.size());
        static_cast<Way*>(data)->hop.mac = fmt::format("{:02x}", fmt::join(mac, ":"));
    }
    return MNL_CB_OK;
}

std::string neighbour_state(unsigned state) {
    static constexpr std::pair<unsigned, const char*> kNames[] = {
        {NUD_PERMANENT, "permanent"}, {NUD_NOARP, "noarp"},          {NUD_REACHABLE, "reachable"},
        {NUD_STALE, "stale"},         {NUD_DELAY, "delay"},          {NUD_PROBE, "probe"},
        {NUD_FAILED, "failed"},       {NUD_INCOMPLETE, "incomplete"}};
    for (const auto& [bit, name] : kNames)
        if (state & bit) return name;
    return "unknown";
}

int read_neighbour(const nlmsghdr* message, void* data) {
    const auto* header = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
    static_cast<Way*>(data)->hop.neighbour = neighbour_state(header->ndm_state);
    mnl_attr_parse(message, sizeof(*header), read_neighbour_attribute, data);
    return MNL_CB_STOP;
}

std::uint16_t length_of(const model::Address& address) {
    return address.family == model::Family::V4 ? 4 : 16;
}

unsigned char family_of(const model::Address& address) {
    return address.family == model::Family::V4 ? AF_INET : AF_INET6;
}

int ask_way(const model::Address& destination, const std::optional<model::Address>& source,
            Way& way) {
    std::array<char, 256> buffer{};
    auto* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETROUTE;
    request->nlmsg_flags = NLM_F_REQUEST;
    auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
    header->rtm_family = family_of(destination);
    const auto length = length_of(destination);
    header->rtm_dst_len = static_cast<unsigned char>(8 * length);
    mnl_attr_put(request, RTA_DST, length, destination.bytes.data());
    if (source) {
        header->rtm_src_len = header->rtm_dst_len;
        mnl_attr_put(request, RTA_SRC, length, source->bytes.data());
    }
    way = {};
    way.hop.gateway = destination;
    return ask_netlink(request, read_way, &way);
}

int ask_link(Way& way) {
    std::array<char, 256> buffer{};
    auto* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETLINK;
    request->nlmsg_flags = NLM_F_REQUEST;
    auto* header = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
    header->ifi_index = way.interface;
    return ask_netlink(request, read_link, &way);
}

// One that the kernel does not know (ENOENT) is asked for when the first packet goes there.
void ask_neighbour(Way& way) {
    way.hop.neighbour = "unknown";
    std::array<char, 256> buffer{};
    auto* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETNEIGH;
    request->nlmsg_flags = NLM_F_REQUEST;
    auto* header = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ndmsg)));
    header->ndm_family = family_of(way.hop.gateway);
    header->ndm_ifindex = way.interface;
    mnl_attr_put(request, NDA_DST, length_of(way.hop.gateway), way.hop.gateway.bytes.data());
    ask_netlink(request, read_neighbour, &way);
}

bool is_no_route(int error) {
    return error == ENETUNREACH || error == EHOSTUNREACH || error == EACCES || error == EINVAL;
}

}  // namespace

Result<Route> find_route(const model::Address& destination) {
    const bool v4 = destination.family == model::Family::V4;
    std::array<char, 256> buffer{};
    auto* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETROUTE;
    request->nlmsg_flags = NLM_F_REQUEST;
    auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
    header->rtm_family = v4 ? AF_INET : AF_INET6;
    header->rtm_dst_len = v4 ? 32 : 128;
    mnl_attr_put(request, RTA_DST, v4 ? 4 : 16, destination.bytes.data());

    Route route;
    route.source.family = destination.family;
    const int error = ask_netlink(request, read_route, &route);
    // unreachable, prohibit and blackhole routes are answered by an error, as none at all
    if (error != 0 && !is_no_route(error))
        return system_failure("look up the route to " + destination.text(), error);
    return route;
}

Result<std::optional<model::NextHop>> find_next_hop(const model::Address& destination,
                                                    const std::optional<model::Address>& source) {
    Way way;
    int error = ask_way(destination, source, way);
    // The kernel looks a foreign source up for packets that arrive only.
    if (error == EINVAL && source) error = ask_way(destination, std::nullopt, way);
    if (error != 0 && !is_no_route(error))
        return system_failure("look up the route to " + destination.text(), error);
    if (error != 0 || !way.unicast) return std::nullopt;
    if (const int failed = ask_link(way); failed != 0)
        return system_failure("look up the interface to " + destination.text(), failed);
    ask_neighbour(way);
    return std::move(way.hop);
}

}  // namespace isobar::dataplane
