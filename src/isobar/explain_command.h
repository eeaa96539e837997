// SPDX-License-Identifier: Apache-2.0
// isobar explain: what the data plane would do with a packet, and why.
#pragma once

#include <string>
#include <string_view>

#include "api/explanation.h"
#include "base/result.h"
#include "isobar/given.h"
#include "isobar/table.h"

namespace isobar::cli {

struct ExplainCommand : Asking {
    model::Question question;
};

extern const char kExplainUsage[];

Result<ExplainCommand> make_explain(const Given& given, std::string_view name, Words words);

// Returns the exit code.
int run(const ExplainCommand& command);

std::string explanation_text(const api::Explanation& explanation, Colours colours);

}  // namespace isobar::cli
