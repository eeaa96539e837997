// SPDX-License-Identifier: Apache-2.0
#include "scheduling/cursor.h"

#include <algorithm>
#include <numeric>

namespace isobar::scheduling {
namespace {

Cursor wrr_changed(Cursor cursor, const WeightSummary& weights) {
    cursor.position = ISOBAR_SET_START;
    if (cursor.credit > weights.start() || cursor.credit == 0)
        cursor.credit = weights.start();
    else if (weights.gcd > 1)
        cursor.credit = cursor.credit / weights.gcd * weights.gcd + 1;
    return cursor;
}

}  // namespace

WeightSummary summarise(std::span<const std::uint32_t> weights) {
    WeightSummary summary{0, 0};
    for (const auto weight : weights) {
        summary.gcd = std::gcd(summary.gcd, weight);
        summary.max = std::max(summary.max, weight);
    }
    if (summary.gcd == 0) summary.gcd = 1;
    return summary;
}

Cursor after_insert(Cursor cursor, std::uint32_t scheduler, const WeightSummary& weights) {
    if (scheduler == ISOBAR_SCHEDULER_wrr) return wrr_changed(cursor, weights);
    if (cursor.position != ISOBAR_SET_START) ++cursor.position;
    return cursor;
}

Cursor after_remove(Cursor cursor, std::uint32_t scheduler, std::uint32_t position,
                    const WeightSummary& weights) {
    if (scheduler == ISOBAR_SCHEDULER_wrr) return wrr_changed(cursor, weights);
    if (cursor.position == ISOBAR_SET_START || cursor.position < position) return cursor;
    // the one used last goes: the one before it takes its place
    cursor.position = cursor.position == 0 ? ISOBAR_SET_START : cursor.position - 1;
    return cursor;
}

Cursor after_edit(Cursor cursor, std::uint32_t scheduler, const WeightSummary& weights) {
    return scheduler == ISOBAR_SCHEDULER_wrr ? wrr_changed(cursor, weights) : cursor;
}

Cursor initial(const WeightSummary& weights) {
    return {ISOBAR_SET_START, weights.start()};
}

}  // namespace isobar::scheduling
