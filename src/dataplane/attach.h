// SPDX-License-Identifier: Apache-2.0
// Programs on interfaces: tc filters on clsact, XDP in the driver. The filter on lo, which
// every namespace has, is where other processes find the state: program -> maps.
#pragma once

#include <optional>

#include "base/fd.h"
#include "base/result.h"
#include "dataplane/links.h"
#include "dataplane/programs.h"

namespace isobar::dataplane {

inline constexpr int kLoopback = 1;  // ifindex of lo in every namespace

// The program of ours at that hook of the interface, if any. Fault::Exists if our place is
// taken by a stranger's.
Result<std::optional<Fd>> find_tc(int ifindex, bool ingress);
// The XDP program there, if it is ours.
std::optional<Fd> find_xdp(int ifindex);

// The maps that a program uses, by name; only those of ours.
Result<MapFds> maps_of(int program);
bool is_same_map(int map, int other);

struct TcAttached {
    bool made_clsact = false;
};
// Attaches, or replaces what is ours, without a gap.
Result<TcAttached> attach_tc(const Link& link, int program);
Result<void> detach_tc(int ifindex, bool remove_clsact);

Result<void> attach_xdp(const Link& link, int program);
Result<void> detach_xdp(int ifindex);

}  // namespace isobar::dataplane
