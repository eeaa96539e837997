// SPDX-License-Identifier: Apache-2.0
// Plans, differences and the history of the configuration, for people. Pure.
#pragma once

#include <string>
#include <vector>

#include "api/config_desk.h"
#include "isobar/status_table.h"

namespace isobar::cli {

// By service: "+" is new, "-" is gone, "~" is another value. Empty if there is none.
std::string differences_text(const std::vector<config::Difference>& differences, Colours colours);
// The same, what is done in the data plane, and what becomes of open connections.
std::string plan_text(const api::PlanView& plan, Colours colours);
std::string applied_text(const api::AppliedView& applied);
// Newest first.
std::string history_text(const std::vector<api::VersionView>& versions, Colours colours);

}  // namespace isobar::cli
