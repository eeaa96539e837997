// SPDX-License-Identifier: Apache-2.0
#include "dataplane/neighbours.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "base/netlink.h"

namespace isobar::dataplane {
namespace {

struct Reading {
    Neighbour neighbour;
    bool has_address = false, has_mac = false;
};

int read_attribute(const nlattr* attribute, void* data) {
    auto& reading = *static_cast<Reading*>(data);
    const auto* bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute));
    const std::size_t length = mnl_attr_get_payload_len(attribute);
    auto& address = reading.neighbour.address;
    if (mnl_attr_get_type(attribute) == NDA_DST &&
        length == (address.family == model::Family::V4 ? 4u : 16u)) {
        std::copy_n(bytes, length, address.bytes.begin());
        reading.has_address = true;
    }
    if (mnl_attr_get_type(attribute) == NDA_LLADDR && length == reading.neighbour.mac.size()) {
        std::copy_n(bytes, length, reading.neighbour.mac.begin());
        reading.has_mac = true;
    }
    return MNL_CB_OK;
}

int read_neighbour(const nlmsghdr* message, void* data) {
    const auto* header = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
    if (header->ndm_family != AF_INET && header->ndm_family != AF_INET6) return MNL_CB_OK;
    Reading reading;
    reading.neighbour.link = header->ndm_ifindex;
    reading.neighbour.address.family =
        header->ndm_family == AF_INET ? model::Family::V4 : model::Family::V6;
    mnl_attr_parse(message, sizeof(*header), read_attribute, &reading);
    if (reading.has_address && reading.has_mac)
        static_cast<std::vector<Neighbour>*>(data)->push_back(reading.neighbour);
    return MNL_CB_OK;
}

}  // namespace

Result<std::vector<Neighbour>> list_neighbours() {
    std::array<char, 256> buffer{};
    auto* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETNEIGH;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    mnl_nlmsg_put_extra_header(request, sizeof(ndmsg));
    std::vector<Neighbour> neighbours;
    if (const int error = ask_netlink(request, read_neighbour, &neighbours); error != 0)
        return system_failure("list neighbours", error);
    return neighbours;
}

}  // namespace isobar::dataplane
