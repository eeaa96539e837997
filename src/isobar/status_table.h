// SPDX-License-Identifier: Apache-2.0
// A director's status as a table for people. Pure: whether there are colours is the
// caller's knowledge.
#pragma once

#include <string>

#include "api/status.h"
#include "isobar/table.h"

namespace isobar::cli {

std::string status_table(const api::Status& status, Colours colours);

}  // namespace isobar::cli
