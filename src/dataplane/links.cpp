// SPDX-License-Identifier: Apache-2.0
#include "dataplane/links.h"

#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>

#include "base/netlink.h"

namespace isobar::dataplane {
namespace {

// Since Linux 5.14; Debian's headers know it, older ones do not.
constexpr int kParentDevName = 56;  // IFLA_PARENT_DEV_NAME

// Sends the request and gives every message of the answer to `callback`.
Result<void> dump(nlmsghdr* request, mnl_cb_t callback, void* data) {
    if (const int error = ask_netlink(request, callback, data); error != 0)
        return system_failure("netlink", error);
    return {};
}

// libmnl's loop macros are C; its callbacks do the same.
int read_link_info(const nlattr* attribute, void* data) {
    if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
        static_cast<Link*>(data)->kind = mnl_attr_get_str(attribute);
    return MNL_CB_OK;
}

int read_link_attribute(const nlattr* attribute, void* data) {
    auto& link = *static_cast<Link*>(data);
    switch (mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME:
            link.name = mnl_attr_get_str(attribute);
            break;
        case IFLA_MASTER:
            link.master = static_cast<int>(mnl_attr_get_u32(attribute));
            break;
        case IFLA_LINKINFO:
            mnl_attr_parse_nested(attribute, read_link_info, &link);
            break;
        case kParentDevName:
            link.hardware = true;
            break;
        default:
            break;
    }
    return MNL_CB_OK;
}

int read_link(const nlmsghdr* message, void* data) {
    const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
    Link link;
    link.index = header->ifi_index;
    link.loopback = header->ifi_type == ARPHRD_LOOPBACK;
    link.ethernet = header->ifi_type == ARPHRD_ETHER;
    mnl_attr_parse(message, sizeof(*header), read_link_attribute, &link);
    static_cast<std::vector<Link>*>(data)->push_back(std::move(link));
    return MNL_CB_OK;
}

bool is_switch(const std::string& kind) {
    return kind == "bridge" || kind == "bond" || kind == "team" || kind == "openvswitch";
}

}  // namespace

Result<std::vector<Link>> list_links() {
    std::array<char, 256> buffer{};
    auto* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETLINK;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    auto* header = static_cast<rtgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtgenmsg)));
    header->rtgen_family = AF_PACKET;

    std::vector<Link> links;
    if (auto done = dump(request, read_link, &links); !done)
        return tl::unexpected(std::move(done.error()).in("list interfaces"));
    for (auto& link : links) {
        const auto master = std::find_if(links.begin(), links.end(), [&](const Link& other) {
            return other.index == link.master;
        });
        link.port_of_switch = master != links.end() && is_switch(master->kind);
    }
    return links;
}

}  // namespace isobar::dataplane
