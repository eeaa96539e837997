// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/report.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace isobar::agent {
namespace {

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string shortened(std::string text) {
    if (text.size() > api::kLongestFinding) text.resize(api::kLongestFinding);
    return text;
}

}  // namespace

std::vector<Question> leaving_gateways(std::vector<Question> questions) {
    for (Question& question : questions) question.leaves_gateway = true;
    return questions;
}

Result<api::AgentReport> look_and_report(const std::vector<Question>& questions) {
    const auto facts = look_at_host();
    if (!facts) return tl::unexpected(facts.error());
    api::AgentReport report;
    report.host = host_name();
    for (const Question& question : questions)
        for (const Finding& each : check(*facts, question)) {
            Finding finding{shortened(each.what), shortened(each.why), shortened(each.fix)};
            if (report.findings.size() < api::kMostFindings &&
                std::ranges::find(report.findings, finding) == report.findings.end())
                report.findings.push_back(std::move(finding));
        }
    for (const DefaultRoute& route : facts->default_routes)
        if (report.gateways.size() < api::kMostGateways) report.gateways.push_back(route.gateway);
    return report;
}

}  // namespace isobar::agent
