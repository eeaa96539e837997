// SPDX-License-Identifier: Apache-2.0
// What may come to a director from one who says that it is an agent.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/agent_report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace isobar::api;
    const auto report =
        parse_agent_report(std::string_view(reinterpret_cast<const char*>(data), size));
    if (!report) return 0;
    if (report->findings.size() > kMostFindings) std::abort();
    // What is no UTF-8 is replaced once, and then stays
    const auto again = parse_agent_report(agent_report_json(*report));
    if (again && parse_agent_report(agent_report_json(*again)).value() != *again) std::abort();
    return 0;
}
