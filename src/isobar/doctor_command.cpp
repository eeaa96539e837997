// SPDX-License-Identifier: Apache-2.0
#include "isobar/doctor_command.h"

#include <fmt/format.h>

#include <cstdio>

#include "isobar/doctor.h"
#include "isobar/doctor_look.h"
#include "isobar/exit_code.h"

namespace isobar::cli {

const char kDoctorUsage[] = R"(Usage: isobar doctor [-j] [--socket PATH]

Looks at the whole way from the clients to the real servers, and says of each host what is well, what
is wrong, and the command that mends it, to be given on that host where nothing else is said. Asks
the neighbours by ARP who has the virtual addresses. isobard and the isobar-agents of real servers
tell what they know. Changes nothing. Needs root.

  -j, --json       the report for programs
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

Exit codes: 0 no faults, 1 there are some (or it could not look), 2 usage, 5 permission.
)";

Result<DoctorCommand> make_doctor(const Given& given, std::string_view /*name*/, Words /*words*/) {
    return DoctorCommand{given.asking()};
}

int run(const DoctorCommand& command) {
    const auto facts = look_at_director(command);
    if (!facts) {
        fmt::print(stderr, "isobar: {}\n", facts.error().message);
        return facts.error().fault == Fault::Permission ? kPermission : kFailed;
    }
    const Diagnosis diagnosis = diagnose(*facts);
    fmt::print("{}", command.json ? diagnosis_json(diagnosis) + "\n"
                                  : diagnosis_text(diagnosis, wanted_colours()));
    return diagnosis.faults().empty() ? kOk : kFailed;
}

}  // namespace isobar::cli
