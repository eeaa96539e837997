// SPDX-License-Identifier: Apache-2.0
#include "dataplane/estimator.h"

namespace isobar::dataplane {
namespace {

constexpr int kCountScale = 10;
constexpr int kByteScale = 5;

int scale_of(int item) {
    return item < ISOBAR_IN_BYTES ? kCountScale : kByteScale;
}

}  // namespace

ScaledRates rates_at(const isobar_estimate& estimate, const isobar_traffic& counted,
                     std::uint32_t now, std::uint32_t hz) {
    ScaledRates rates;
    const std::uint32_t length = ISOBAR_ESTIMATE_PERIOD * hz;
    const bool due = estimate.due - now - 1 >= length;
    const std::uint32_t empty = due ? (now - estimate.due) / length : 0;
    for (int i = 0; i < ISOBAR_TRAFFIC_ITEMS; ++i) {
        auto rate = static_cast<std::int64_t>(estimate.rate[i]);
        if (due) {
            const auto delta = static_cast<std::int64_t>(counted.item[i] - estimate.last[i]);
            rate += ((delta << (scale_of(i) - 1)) - rate) >> 2;
            for (std::uint32_t k = 0; k < empty && rate != 0; ++k) rate += -rate >> 2;
        }
        rates.item[i] = static_cast<std::uint64_t>(rate);
    }
    return rates;
}

model::Rates readable(const ScaledRates& scaled) {
    const auto read = [&](int item) {
        return item < ISOBAR_IN_BYTES ? (scaled.item[item] + 0x1ff) >> kCountScale
                                      : (scaled.item[item] + 0xf) >> kByteScale;
    };
    return {read(ISOBAR_CONNECTIONS), read(ISOBAR_IN_PACKETS), read(ISOBAR_OUT_PACKETS),
            read(ISOBAR_IN_BYTES), read(ISOBAR_OUT_BYTES)};
}

}  // namespace isobar::dataplane
