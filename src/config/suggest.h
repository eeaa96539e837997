// SPDX-License-Identifier: Apache-2.0
// "did you mean 'weight'?"
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace isobar::config {

// How many letters to insert, delete, replace or swap with their neighbour make `b` of `a`.
unsigned edit_distance(std::string_view a, std::string_view b);

// A hint for a word that is none of `known`: the one it is close to, or all of them.
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

}  // namespace isobar::config
