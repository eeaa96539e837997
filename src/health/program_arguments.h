// SPDX-License-Identifier: Apache-2.0
// The arguments of a program that checks: "%h" is the server's address, "%p" its port.
#pragma once

#include <string>
#include <vector>

#include "model/address.h"

namespace isobar::health {

// Whole words only, also inside of an argument: "http://%h:%p/", but not "%hello" or "100%p".
std::vector<std::string> fill_in(const std::vector<std::string>& command,
                                 const model::Endpoint& server);

}  // namespace isobar::health
