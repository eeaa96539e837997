// SPDX-License-Identifier: Apache-2.0
// The network interfaces of this namespace, as far as attaching programs goes (rtnetlink).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace isobar::dataplane {

struct Link {
    int index = 0;
    std::string name;
    bool loopback = false;
    bool ethernet = false;  // frames with Ethernet headers
    bool hardware = false;  // has a parent device (PCI, virtio ...)
    int master = 0;         // ifindex of its bridge, bond ...; 0: none
    std::string kind;       // "veth", "bridge" ...; empty for hardware

    // Packets of a bridge's or bond's ports come again on the bridge or bond itself.
    bool port_of_switch = false;
};

Result<std::vector<Link>> list_links();

}  // namespace isobar::dataplane
