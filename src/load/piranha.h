// SPDX-License-Identifier: Apache-2.0
// nanny's rule, for those who move from Piranha and want its weights: each server by itself, by its
// load average, 1 being what it is meant to have. It does not look at the others, and swings.
#pragma once

#include "load/controller.h"

namespace isobar::load {

class Piranha : public Controller {
public:
    SteeredServers correct(const SeenServers& servers) override;
    [[nodiscard]] model::Weight scale() const override { return 1; }

    // nanny's own arithmetic: whole weights, cut off, never below the configured one.
    static model::Weight next(model::Weight configured, model::Weight now, double load);

private:
    std::map<model::Endpoint, model::Weight> weights_;
};

}  // namespace isobar::load
