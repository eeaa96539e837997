// SPDX-License-Identifier: Apache-2.0
// isobar doctor: what is wrong between clients and real servers, and what mends it.
#pragma once

#include <string_view>

#include "base/result.h"
#include "isobar/given.h"

namespace isobar::cli {

struct DoctorCommand : Asking {};

extern const char kDoctorUsage[];

Result<DoctorCommand> make_doctor(const Given& given, std::string_view name, Words words);

// Returns the exit code.
int run(const DoctorCommand& command);

}  // namespace isobar::cli
