// SPDX-License-Identifier: Apache-2.0
// How the way of a packet can end (abi/verdicts.h), as users know it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace isobar::dataplane {

struct Verdict {
    std::string name;  // "forwarded"
    const char* meaning;
    bool lost;  // the packet has got neither through nor to whom it is for: a drop or a refusal
};

// By number.
std::span<const Verdict> verdicts();
std::optional<std::size_t> verdict_named(std::string_view name);

// Sets of them, a bit each.
std::uint64_t all_verdicts();
std::uint64_t lost_verdicts();
// But for packets that are none of ours, and for what XDP leaves to tc, where it is seen again.
std::uint64_t usual_verdicts();

}  // namespace isobar::dataplane
