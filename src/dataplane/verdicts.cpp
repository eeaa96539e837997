// SPDX-License-Identifier: Apache-2.0
#include "dataplane/verdicts.h"

#include <algorithm>
#include <vector>

#include "abi/verdicts.h"

namespace isobar::dataplane {
namespace {

static_assert(ISOBAR_VERDICTS <= 64, "sets of verdicts are 64 bits");

constexpr std::uint64_t bit(isobar_verdict verdict) {
    return std::uint64_t{1} << verdict;
}

// Of those that the packet, or a copy of it, gets on with.
constexpr std::uint64_t kGoesOn =
    bit(ISOBAR_NOT_OURS) | bit(ISOBAR_NO_SERVICE) | bit(ISOBAR_FRAGMENT_HELD) |
    bit(ISOBAR_FRAGMENT_RELEASED) | bit(ISOBAR_TO_TC) | bit(ISOBAR_FORWARDED) |
    bit(ISOBAR_REPLIED) | bit(ISOBAR_ICMP_FORWARDED) | bit(ISOBAR_ICMP_REPLIED) |
    bit(ISOBAR_ICMP_SCHEDULED) | bit(ISOBAR_TO_STACK) | bit(ISOBAR_TO_LOCAL) | bit(ISOBAR_TO_SELF) |
    bit(ISOBAR_TO_FRAGMENT) | bit(ISOBAR_FTP_IGNORED);

constexpr std::uint64_t kAll = bit(ISOBAR_VERDICTS) - 1;

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

std::vector<Verdict> make_verdicts() {
    std::vector<Verdict> made;
#define X(name, action, meaning) \
    made.push_back({lower(#name), meaning, (kGoesOn & bit(ISOBAR_##name)) == 0});
    ISOBAR_VERDICT_LIST(X)
#undef X
    return made;
}

}  // namespace

std::span<const Verdict> verdicts() {
    static const std::vector<Verdict> made = make_verdicts();
    return made;
}

std::optional<std::size_t> verdict_named(std::string_view name) {
    const auto all = verdicts();
    const auto found = std::ranges::find(all, name, &Verdict::name);
    if (found == all.end()) return std::nullopt;
    return static_cast<std::size_t>(found - all.begin());
}

std::uint64_t all_verdicts() {
    return kAll;
}

std::uint64_t lost_verdicts() {
    return kAll & ~kGoesOn;
}

std::uint64_t usual_verdicts() {
    return kAll & ~(bit(ISOBAR_NOT_OURS) | bit(ISOBAR_TO_TC));
}

}  // namespace isobar::dataplane
