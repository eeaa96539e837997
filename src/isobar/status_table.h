// SPDX-License-Identifier: Apache-2.0
// A director's status as a table for people. Pure: whether there are colours is the
// caller's knowledge.
#pragma once

#include <cstdint>
#include <string>

#include "api/status.h"

namespace isobar::cli {

enum class Colours : std::uint8_t { Off, On };

std::string status_table(const api::Status& status, Colours colours);

// Four characters or a few more: "0", "999", "1.2k", "35k", "1.5M". Units of 1000.
std::string short_number(std::uint64_t number);

}  // namespace isobar::cli
