// SPDX-License-Identifier: Apache-2.0
// What is wrong on this host, as its directors are told.
#pragma once

#include <optional>
#include <vector>

#include "agent/check.h"
#include "api/agent_report.h"
#include "base/result.h"

namespace isobar::agent {

// For a director that is told: it knows its own addresses, and judges default gateways itself.
std::vector<Question> leaving_gateways(std::vector<Question> questions);

// Looks at the host from all sides that the questions have. Needs root.
Result<api::AgentReport> look_and_report(const std::vector<Question>& questions);

}  // namespace isobar::agent
