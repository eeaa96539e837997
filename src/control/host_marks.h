// SPDX-License-Identifier: Apache-2.0
// Which packets the host's own packet filter marks. tc comes before netfilter, so the marks that
// nft and iptables set in PREROUTING are not there yet when the data plane sees a packet: it is
// told by rules what they will be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/service.h"

namespace isobar::control {

struct HostMarks {
    std::vector<model::MarkRule> rules;  // the first that fits a packet counts
    // Rules that mark packets by something that a MarkRule cannot say, as their tool writes them.
    std::vector<std::string> untold;

    bool operator==(const HostMarks&) const = default;
};

// What `nft -j list ruleset` prints. Rules that iptables made are left to parse_iptables.
// Fault::Invalid: it is no such thing.
Result<HostMarks> parse_nft(std::string_view json);
// What `iptables-save -t mangle` (V4) or `ip6tables-save -t mangle` (V6) prints.
HostMarks parse_iptables(std::string_view text, model::Family family);

// Asks both of them. A tool that is not installed has made no rules.
Result<HostMarks> read_host_marks();

}  // namespace isobar::control
