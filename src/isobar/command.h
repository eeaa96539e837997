// SPDX-License-Identifier: Apache-2.0
// A command as a value; run() of each is beside it.
#pragma once

#include <string>
#include <variant>

#include "isobar/check_command.h"
#include "isobar/completion_command.h"
#include "isobar/config_command.h"
#include "isobar/conns_command.h"
#include "isobar/doctor_command.h"
#include "isobar/drain_command.h"
#include "isobar/events_command.h"
#include "isobar/explain_command.h"
#include "isobar/health_command.h"
#include "isobar/import_command.h"
#include "isobar/list_command.h"
#include "isobar/simulate_command.h"
#include "isobar/status_command.h"
#include "isobar/top_command.h"
#include "isobar/trace_command.h"
#include "isobar/wish_command.h"

namespace isobar::cli {

// Something to print on stdout and be done: help, version.
struct PrintCommand {
    std::string text;
};

int run(const PrintCommand& command);

using Command =
    std::variant<StatusCommand, ListCommand, TopCommand, HealthCommand, CheckCommand, ConnsCommand,
                 EventsCommand, ExplainCommand, SimulateCommand, TraceCommand, DoctorCommand,
                 DrainCommand, WishCommand, PlanCommand, ApplyCommand, ConfirmCommand,
                 RollbackCommand, HistoryCommand, DiffCommand, ImportCommand, CompletionCommand,
                 CompleteCommand, PrintCommand>;

// Returns the exit code.
int run_any(const Command& command);

}  // namespace isobar::cli
