// SPDX-License-Identifier: Apache-2.0
// Interfaces, addresses and default routes of this network namespace (rtnetlink), as far as
// a real server goes.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/address.h"

namespace isobar::agent {

struct Link {
    int index = 0;
    std::string name;
    bool up = false;
    bool ethernet = false;  // frames with Ethernet headers
    unsigned mtu = 0;
    int master = 0;    // ifindex of its bridge, bond ...; 0: none
    std::string kind;  // "veth", "bridge" ...; empty for hardware

    // Packets of a bridge's or bond's ports come again on the bridge or bond itself.
    bool port_of_switch = false;
    bool operator==(const Link&) const = default;
};

struct HostAddress {
    model::Address address;
    unsigned prefix = 0;
    int link = 0;  // ifindex
    bool operator==(const HostAddress&) const = default;
};

struct DefaultRoute {
    model::Family family = model::Family::V4;
    model::Address gateway;  // all zero: the link itself
    int link = 0;
    bool operator==(const DefaultRoute&) const = default;
};

Result<std::vector<Link>> list_links();
Result<std::vector<HostAddress>> list_addresses();
// Of the main table.
Result<std::vector<DefaultRoute>> list_default_routes();

const Link* find_link(const std::vector<Link>& links, const std::string& name);
const Link* find_link(const std::vector<Link>& links, int index);

// As a /32 or /128. An IPv6 address is never chosen as a source by itself (deprecated), and
// is not probed for duplicates: a VIP is meant to be on several hosts.
Result<void> add_address(int link, const model::Address& address);
Result<void> remove_address(int link, const model::Address& address);

// Is there a clsact qdisc, the place of tc filters?
Result<bool> has_clsact(int link);

Result<void> set_link_up(int link, bool up);
// tunl0, the kernel's receiver of all IPIP; loads the module if need be. Fault::Unsupported
// if there is none.
Result<void> make_tunl0();
Result<void> remove_link(int link);

}  // namespace isobar::agent
