// SPDX-License-Identifier: Apache-2.0
// From the loads of a service's servers to their weights. Pure: whoever calls it brings the
// readings and the rhythm. docs/decisions/024-load-to-weight.md says which law and why.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "load/reading.h"
#include "model/address.h"
#include "model/load.h"
#include "model/service.h"

namespace isobar::load {

// A server, as it is seen when weights are corrected.
struct Seen {
    model::Weight configured = 1;
    std::optional<Reading> reading;  // the last one
    bool fresh = false;              // it came since the last correction
    bool serves = true;              // it gets new connections, as many as its load allows
    std::string trouble;             // why there is no reading
};

struct Steered {
    model::Weight weight = 1;  // on the controller's scale
    std::string reason;        // "load 2.10 (mean 1.05)"
    bool operator==(const Steered&) const = default;
};

using SeenServers = std::map<model::Endpoint, Seen>;
using SteeredServers = std::map<model::Endpoint, Steered>;

class Controller {
public:
    Controller() = default;
    Controller(const Controller&) = delete;
    Controller& operator=(const Controller&) = delete;
    virtual ~Controller() = default;

    // Once each interval: the weights from now on. Servers that are not there any more are
    // forgotten.
    virtual SteeredServers correct(const SeenServers& servers) = 0;

    // What a configured weight of 1 is on its scale: one that is 1 must have room for less.
    [[nodiscard]] virtual model::Weight scale() const = 0;
};

std::unique_ptr<Controller> make_controller(const model::LoadConfig& config);

}  // namespace isobar::load
