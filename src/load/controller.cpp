// SPDX-License-Identifier: Apache-2.0
#include "load/controller.h"

#include "load/damped.h"
#include "load/piranha.h"

namespace isobar::load {

std::unique_ptr<Controller> make_controller(const model::LoadConfig& config) {
    if (config.controller == model::LoadController::Piranha) return std::make_unique<Piranha>();
    return std::make_unique<Damped>(config.least, config.most);
}

}  // namespace isobar::load
