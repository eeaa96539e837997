// SPDX-License-Identifier: Apache-2.0
// What was measured round after round, and the two figures that are quoted of it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace isobar::bench {

class Samples {
public:
    void add(double value) { values_.push_back(value); }
    [[nodiscard]] bool empty() const { return values_.empty(); }

    [[nodiscard]] double least() const { return *std::min_element(values_.begin(), values_.end()); }
    [[nodiscard]] double median() const {
        auto sorted = values_;
        std::sort(sorted.begin(), sorted.end());
        const std::size_t middle = sorted.size() / 2;
        return sorted.size() % 2 != 0 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

private:
    std::vector<double> values_;
};

}  // namespace isobar::bench
