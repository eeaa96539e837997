// SPDX-License-Identifier: Apache-2.0
// The inside net reaches out through the director: source NAT by nftables, in a table of
// our own, `ip isobar`. Balanced traffic never gets here: it is redirected in tc, before
// netfilter sees it.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "model/config.h"

namespace isobar::control {

// The rules for `nft -f -`, one transaction that replaces the table, or removes it if
// there is nothing to masquerade. Pure. Fault::Invalid for an IPv6 network or a name that
// no interface can have (nothing may break out of the quotes).
Result<std::string> masquerade_ruleset(std::span<const model::MasqueradeConfig> masquerades);

// Makes the rules of this network namespace so. A missing nft is an error only where
// something is to be masqueraded.
Result<void> apply_masquerade(std::span<const model::MasqueradeConfig> masquerades);

}  // namespace isobar::control
