// SPDX-License-Identifier: Apache-2.0
// A cluster that exists only in numbers: servers of different capacity behind wlc, loads that step,
// feedback that comes late. Deterministic; for tests, and for the plot in docs/.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "load/controller.h"

namespace isobar::load {

struct Cluster {
    std::vector<double> capacities{1, 2, 3, 4, 5, 6, 7, 8};
    model::Weight configured = 1;  // weight of each
    double connection = 5;         // seconds that one lasts, on average
    double demand = 0.02;          // of it, in capacity: one of 1 is whole with 50 of them
    double interval = 5;           // of readings, and of corrections
    double delay = 1;              // from a reading's measurement to the controller
    double smoothing = 0;          // time constant of what is measured: 60 is a load average
    double elasticity = 1;         // load = utilisation to this power
    double noise = 0;              // of a reading, relative
    std::uint64_t seed = 1;
    // Utilisation of the whole cluster at a time.
    std::function<double(double)> offered = [](double) { return 0.5; };
};

// Share of all open connections that each server has, against what its capacity would be worth.
struct Sample {
    double at = 0;
    std::vector<double> share;           // 1: exactly as its capacity
    std::vector<double> weight;          // of all weights, likewise
    [[nodiscard]] double worst() const;  // largest distance of a share from 1
};

// One sample a second. No controller: weights stay equal.
std::vector<Sample> simulate(const Cluster& cluster, std::unique_ptr<Controller> controller,
                             double seconds);

}  // namespace isobar::load
