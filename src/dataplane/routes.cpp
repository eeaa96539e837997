// SPDX-License-Identifier: Apache-2.0
#include "dataplane/routes.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/netlink.h"

namespace isobar::dataplane {
namespace {

int read_attribute(const nlattr* attribute, void* data) {
    auto& source = static_cast<Route*>(data)->source;
    if (mnl_attr_get_type(attribute) == RTA_PREFSRC &&
        mnl_attr_get_payload_len(attribute) <= source.bytes.size())
        std::memcpy(source.bytes.data(), mnl_attr_get_payload(attribute),
                    mnl_attr_get_payload_len(attribute));
    return MNL_CB_OK;
}

int read_route(const nlmsghdr* message, void* data) {
    const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
    static_cast<Route*>(data)->local = header->rtm_type == RTN_LOCAL;
    mnl_attr_parse(message, sizeof(*header), read_attribute, data);
    return MNL_CB_STOP;
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

}  // namespace isobar::dataplane
