// SPDX-License-Identifier: Apache-2.0
// One question to rtnetlink.
#pragma once

#include <linux/netlink.h>

namespace isobar {

// As libmnl's mnl_cb_t: returns MNL_CB_OK to go on.
using NetlinkCallback = int (*)(const nlmsghdr* message, void* data);

// Sends the request and gives every message of the answer to `callback`, to the end of a dump
// or to the acknowledgement; without a callback only errors matter. Returns errno, or 0.
int ask_netlink(nlmsghdr* request, NetlinkCallback callback, void* data);

}  // namespace isobar
