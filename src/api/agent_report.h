// SPDX-License-Identifier: Apache-2.0
// What an agent tells its director of the host that it is on: the body of its question (POST
// /api/v1/real-server), and of GET /api/v1/agents. What agents say may be anything: it is bounded
// here, and made printable where it is shown. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/address.h"
#include "model/finding.h"

namespace isobar::api {

inline constexpr std::size_t kMostFindings = 64;
inline constexpr std::size_t kMostGateways = 16;
inline constexpr std::size_t kLongestFinding = 1024;                        // of each of its texts
inline constexpr std::size_t kLongestAgentReport = std::size_t{256} << 10;  // all of it

struct AgentReport {
    model::Address address{};       // that it asks from
    std::chrono::sys_seconds at{};  // when the director heard it
    std::string host;               // what the host calls itself
    std::vector<model::Finding> findings;
    std::vector<model::Address> gateways;  // where its default routes lead

    bool operator==(const AgentReport&) const = default;
};

// As the agent says it: without address and time, which the director knows better.
std::string agent_report_json(const AgentReport& report);
Result<AgentReport> parse_agent_report(std::string_view json);

std::string agent_reports_json(const std::vector<AgentReport>& reports);
Result<std::vector<AgentReport>> parse_agent_reports(std::string_view json);

// The last one of each agent, of so many at most.
class AgentReports {
public:
    // One that has not been heard for so long is gone.
    static constexpr std::chrono::minutes kKept{60};
    static constexpr std::size_t kMost = 4096;

    void take(AgentReport report);
    [[nodiscard]] std::vector<AgentReport> at(std::chrono::sys_seconds now) const;

private:
    std::map<model::Address, AgentReport> last_;
};

}  // namespace isobar::api
