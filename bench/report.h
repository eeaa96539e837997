// SPDX-License-Identifier: Apache-2.0
// The results as one table for people and as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "cases.h"
#include "scale.h"
#include "yardsticks.h"

namespace isobar::bench {

struct Report {
    int rounds = 0;
    int cpu = 0;
    const Yardsticks& yardsticks;
    const std::vector<Case>& cases;
    double memory_per_connection = 0;  // bytes
    std::vector<ScaleRow> scale;

    [[nodiscard]] std::string table() const;
    [[nodiscard]] std::string json() const;
    // The rows that cost more than they may.
    [[nodiscard]] std::vector<std::string> missed() const;
};

}  // namespace isobar::bench
