// SPDX-License-Identifier: Apache-2.0
#include "agent/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/netlink.h"

namespace isobar::agent {
namespace {

// A message that is put together in a buffer of its own.
class Request {
public:
    Request(int type, int flags)
        : message_(mnl_nlmsg_put_header(reinterpret_cast<char*>(buffer_.data()))) {
        message_->nlmsg_type = static_cast<std::uint16_t>(type);
        message_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    Request(Request&&) = delete;
    Request& operator=(Request&&) = delete;
    ~Request() = default;

    template <typename Header>
    Header& put_header() {
        return *static_cast<Header*>(mnl_nlmsg_put_extra_header(message_, sizeof(Header)));
    }
    [[nodiscard]] nlmsghdr* message() { return message_; }

private:
    std::array<std::uint32_t, 128> buffer_{};
    nlmsghdr* message_;
};

// Sends the request and gives every message of the answer to `callback`; to the end of a
// dump, or to the acknowledgement.
Result<void> talk(Request& request, mnl_cb_t callback = nullptr, void* data = nullptr) {
    if (const int error = ask_netlink(request.message(), callback, data); error != 0)
        return system_failure("netlink", error);
    return {};
}

std::size_t length_of(model::Family family) {
    return family == model::Family::V4 ? 4 : 16;
}

model::Address address_in(const nlattr* attribute, unsigned char family) {
    model::Address address;
    address.family = family == AF_INET ? model::Family::V4 : model::Family::V6;
    std::memcpy(
        address.bytes.data(), mnl_attr_get_payload(attribute),
        std::min<std::size_t>(mnl_attr_get_payload_len(attribute), length_of(address.family)));
    return address;
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
        case IFLA_MTU:
            link.mtu = mnl_attr_get_u32(attribute);
            break;
        case IFLA_MASTER:
            link.master = static_cast<int>(mnl_attr_get_u32(attribute));
            break;
        case IFLA_LINKINFO:
            mnl_attr_parse_nested(attribute, read_link_info, &link);
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
    link.up = (header->ifi_flags & IFF_UP) != 0;
    link.ethernet = header->ifi_type == ARPHRD_ETHER;
    mnl_attr_parse(message, sizeof(*header), read_link_attribute, &link);
    static_cast<std::vector<Link>*>(data)->push_back(std::move(link));
    return MNL_CB_OK;
}

struct FoundAddress {
    unsigned char family = AF_INET;
    HostAddress value;
    bool local = false;  // IFA_LOCAL was seen: on a point-to-point link IFA_ADDRESS is the peer
};

int read_address_attribute(const nlattr* attribute, void* data) {
    auto& found = *static_cast<FoundAddress*>(data);
    const auto type = mnl_attr_get_type(attribute);
    if (type != IFA_LOCAL && (type != IFA_ADDRESS || found.local)) return MNL_CB_OK;
    found.value.address = address_in(attribute, found.family);
    found.local = type == IFA_LOCAL;
    return MNL_CB_OK;
}

int read_address(const nlmsghdr* message, void* data) {
    const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
    if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6) return MNL_CB_OK;
    FoundAddress found{header->ifa_family, {}, false};
    found.value.prefix = header->ifa_prefixlen;
    found.value.link = static_cast<int>(header->ifa_index);
    mnl_attr_parse(message, sizeof(*header), read_address_attribute, &found);
    static_cast<std::vector<HostAddress>*>(data)->push_back(found.value);
    return MNL_CB_OK;
}

struct FoundRoute {
    unsigned char family = AF_INET;
    DefaultRoute value;
    std::uint32_t table = 0;
};

int read_route_attribute(const nlattr* attribute, void* data) {
    auto& found = *static_cast<FoundRoute*>(data);
    switch (mnl_attr_get_type(attribute)) {
        case RTA_GATEWAY:
            found.value.gateway = address_in(attribute, found.family);
            break;
        case RTA_OIF:
            found.value.link = static_cast<int>(mnl_attr_get_u32(attribute));
            break;
        case RTA_TABLE:
            found.table = mnl_attr_get_u32(attribute);
            break;
        default:
            break;
    }
    return MNL_CB_OK;
}

int read_default_route(const nlmsghdr* message, void* data) {
    const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
    if ((header->rtm_family != AF_INET && header->rtm_family != AF_INET6) ||
        header->rtm_dst_len != 0 || header->rtm_type != RTN_UNICAST)
        return MNL_CB_OK;
    FoundRoute found{header->rtm_family, {}, header->rtm_table};
    found.value.family = header->rtm_family == AF_INET ? model::Family::V4 : model::Family::V6;
    found.value.gateway.family = found.value.family;
    mnl_attr_parse(message, sizeof(*header), read_route_attribute, &found);
    if (found.table == RT_TABLE_MAIN)
        static_cast<std::vector<DefaultRoute>*>(data)->push_back(found.value);
    return MNL_CB_OK;
}

struct QdiscSearch {
    int link = 0;
    std::string kind;  // of the message
    bool found = false;
};

int read_qdisc_attribute(const nlattr* attribute, void* data) {
    if (mnl_attr_get_type(attribute) == TCA_KIND)
        static_cast<QdiscSearch*>(data)->kind = mnl_attr_get_str(attribute);
    return MNL_CB_OK;
}

// Linux 6.1 dumps the qdiscs of all interfaces, whichever was asked for.
int read_qdisc(const nlmsghdr* message, void* data) {
    const auto* header = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(message));
    auto& search = *static_cast<QdiscSearch*>(data);
    search.kind.clear();
    mnl_attr_parse(message, sizeof(*header), read_qdisc_attribute, &search);
    if (header->tcm_ifindex == search.link && search.kind == "clsact") search.found = true;
    return MNL_CB_OK;
}

bool is_switch(const std::string& kind) {
    return kind == "bridge" || kind == "bond" || kind == "team" || kind == "openvswitch";
}

void put_address(Request& request, int link, const model::Address& address) {
    auto& header = request.put_header<ifaddrmsg>();
    const std::size_t length = length_of(address.family);
    header.ifa_family = address.family == model::Family::V4 ? AF_INET : AF_INET6;
    header.ifa_prefixlen = static_cast<unsigned char>(length * 8);
    header.ifa_index = static_cast<unsigned>(link);
    mnl_attr_put(request.message(), IFA_LOCAL, length, address.bytes.data());
    mnl_attr_put(request.message(), IFA_ADDRESS, length, address.bytes.data());
}

}  // namespace

Result<std::vector<Link>> list_links() {
    Request request(RTM_GETLINK, NLM_F_DUMP);
    request.put_header<rtgenmsg>().rtgen_family = AF_PACKET;
    std::vector<Link> links;
    if (auto done = talk(request, read_link, &links); !done)
        return tl::unexpected(std::move(done.error()).in("list interfaces"));
    for (Link& link : links) {
        const Link* const master = find_link(links, link.master);
        link.port_of_switch = master != nullptr && is_switch(master->kind);
    }
    return links;
}

Result<std::vector<HostAddress>> list_addresses() {
    Request request(RTM_GETADDR, NLM_F_DUMP);
    request.put_header<rtgenmsg>().rtgen_family = AF_UNSPEC;
    std::vector<HostAddress> addresses;
    if (auto done = talk(request, read_address, &addresses); !done)
        return tl::unexpected(std::move(done.error()).in("list addresses"));
    return addresses;
}

Result<std::vector<DefaultRoute>> list_default_routes() {
    std::vector<DefaultRoute> routes;
    for (const auto family : {AF_INET, AF_INET6}) {
        Request request(RTM_GETROUTE, NLM_F_DUMP);
        request.put_header<rtmsg>().rtm_family = static_cast<unsigned char>(family);
        if (auto done = talk(request, read_default_route, &routes); !done)
            return tl::unexpected(std::move(done.error()).in("list routes"));
    }
    return routes;
}

const Link* find_link(const std::vector<Link>& links, const std::string& name) {
    const auto found = std::find_if(links.begin(), links.end(),
                                    [&](const Link& link) { return link.name == name; });
    return found == links.end() ? nullptr : &*found;
}

const Link* find_link(const std::vector<Link>& links, int index) {
    const auto found = std::find_if(links.begin(), links.end(),
                                    [&](const Link& link) { return link.index == index; });
    return found == links.end() ? nullptr : &*found;
}

Result<void> add_address(int link, const model::Address& address) {
    Request request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    put_address(request, link, address);
    if (address.family == model::Family::V6) {
        mnl_attr_put_u32(request.message(), IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
        ifa_cacheinfo lifetimes{};
        lifetimes.ifa_valid = 0xffffffff;  // for ever
        mnl_attr_put(request.message(), IFA_CACHEINFO, sizeof(lifetimes), &lifetimes);
    }
    return talk(request);
}

Result<void> remove_address(int link, const model::Address& address) {
    Request request(RTM_DELADDR, NLM_F_ACK);
    put_address(request, link, address);
    return talk(request);
}

Result<bool> has_clsact(int link) {
    Request request(RTM_GETQDISC, NLM_F_DUMP);
    request.put_header<tcmsg>().tcm_ifindex = link;
    QdiscSearch search{link, "", false};
    if (auto done = talk(request, read_qdisc, &search); !done)
        return tl::unexpected(std::move(done.error()).in("list qdiscs"));
    return search.found;
}

Result<void> set_link_up(int link, bool up) {
    Request request(RTM_NEWLINK, NLM_F_ACK);
    auto& header = request.put_header<ifinfomsg>();
    header.ifi_index = link;
    header.ifi_flags = up ? static_cast<unsigned>(IFF_UP) : 0U;
    header.ifi_change = IFF_UP;
    return talk(request);
}

Result<void> make_tunl0() {
    Request request(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    request.put_header<ifinfomsg>();
    mnl_attr_put_strz(request.message(), IFLA_IFNAME, "tunl0");
    auto* const info = mnl_attr_nest_start(request.message(), IFLA_LINKINFO);
    mnl_attr_put_strz(request.message(), IFLA_INFO_KIND, "ipip");
    mnl_attr_nest_end(request.message(), info);
    auto made = talk(request);
    // the module brings tunl0 along
    if (!made && made.error().fault == Fault::Exists) return {};
    return made;
}

Result<void> remove_link(int link) {
    Request request(RTM_DELLINK, NLM_F_ACK);
    request.put_header<ifinfomsg>().ifi_index = link;
    return talk(request);
}

}  // namespace isobar::agent
