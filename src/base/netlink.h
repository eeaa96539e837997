// SPDX-License-Identifier: Apache-2.0
// One question to rtnetlink.
#pragma once

#include <libmnl/libmnl.h>

namespace isobar::dataplane {

// Sends the request and gives every message of the answer to `callback`; errno, or 0.
int ask_netlink(nlmsghdr* request, mnl_cb_t callback, void* data);

}  // namespace isobar::dataplane
