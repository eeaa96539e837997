// SPDX-License-Identifier: Apache-2.0
// The rules that give packets firewall marks, in the shared maps (bpf/mark.h). The caller holds
// the namespace's lock while it changes them.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "dataplane/maps.h"
#include "model/service.h"

namespace isobar::dataplane {

class MarkRules {
public:
    explicit MarkRules(const Maps& maps) : maps_(maps) {}

    // The rules of that origin become these, in order and at once; those of the other stay.
    // Fault::Full: more than there is room for.
    Result<void> set(isobar_rule_origin origin, std::span<const model::MarkRule> rules);
    [[nodiscard]] std::vector<model::MarkRule> get(isobar_rule_origin origin) const;

    [[nodiscard]] std::span<const isobar_rule> in_use() const;

private:
    const Maps& maps_;
};

// All destinations of the rule; none if they are too many to be listed (short prefixes).
std::vector<model::Address> destinations_of(const isobar_rule& rule);

}  // namespace isobar::dataplane
