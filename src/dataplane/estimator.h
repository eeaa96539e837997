// SPDX-License-Identifier: Apache-2.0
// Rates as a reader shows them: the periods since the data plane closed the last one are
// closed here, on a copy (the same arithmetic as bpf/track.h). Pure.
#pragma once

#include "abi/abi.h"
#include "model/service.h"

namespace isobar::dataplane {

// Scaled as in isobar_estimate; they can be summed up.
struct ScaledRates {
    std::uint64_t item[ISOBAR_TRAFFIC_ITEMS] = {};
};

ScaledRates rates_at(const isobar_estimate& estimate, const isobar_traffic& counted,
                     std::uint32_t now, std::uint32_t hz);

// Per second, rounded as ip_vs_read_estimator() does.
model::Rates readable(const ScaledRates& scaled);

}  // namespace isobar::dataplane
