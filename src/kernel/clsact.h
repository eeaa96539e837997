// SPDX-License-Identifier: Apache-2.0
// tc filters at an interface's clsact qdisc: the director's and the real server's stand there
// side by side, each in a place of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace isobar::kernel {

enum class Side : std::uint8_t { Ingress, Egress };

// Fixed, so that every process looks in the same one.
struct FilterPlace {
    std::uint32_t priority;
    std::string_view program;  // the name of what we put there
};

// The program of ours that is there; nothing if the place is free. Fault::Exists: a stranger's.
Result<std::optional<Fd>> find_filter(int ifindex, Side side, const FilterPlace& place);
// Takes the place, or replaces what is ours there without a gap.
Result<void> attach_filter(int ifindex, Side side, const FilterPlace& place, int program);
// Nothing of ours there: no error.
Result<void> detach_filter(int ifindex, Side side, const FilterPlace& place);

// Anybody's, on either side.
Result<bool> has_filters(int ifindex);

// False: it was there already.
Result<bool> make_clsact(int ifindex);
// With all filters. None there: no error.
Result<void> remove_clsact(int ifindex);

}  // namespace isobar::kernel
