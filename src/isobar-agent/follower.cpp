// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/follower.h"

#include "api/agent_report.h"
#include "base/log.h"
#include "isobar-agent/report.h"
#include "isobar-agent/told.h"

namespace isobar::agent {

void Follower::trouble(const std::string& what) {
    if (!what.empty() && what != trouble_)
        log::warning("what directors say cannot be done: " + what);
    trouble_ = what;
}

std::string agent_for(const std::vector<model::Endpoint>& directors) {
    std::string command = "isobar-agent";
    for (const model::Endpoint& director : directors) command += " --director " + director.text();
    return command;
}

std::string Follower::report_if_due() {
    const auto now = std::chrono::steady_clock::now();
    const auto told = directors_.told();
    if (now < next_report_ || told.empty()) return {};
    next_report_ = now + kReportEvery;
    const auto report =
        look_and_report(leaving_gateways(questions_of(told, std::nullopt, command_)));
    return report ? api::agent_report_json(*report) : "";
}

void Follower::look(Agent& agent) {
    directors_.ask_all(report_if_due());
    const auto wanted = with_told(by_hand_, directors_.told());
    if (!wanted) return trouble(wanted.error().message);
    const bool all_known = directors_.all_known();
    if (done_ == *wanted && undone_ == all_known) return trouble("");

    const bool news = done_ != *wanted;
    done_.reset();
    const auto changed = agent.change(*wanted, all_known ? Earlier::Undo : Earlier::Keep);
    if (!changed) return trouble(changed.error().message);
    done_ = *wanted;
    undone_ = all_known;
    trouble("");
    if (news) log::info(agent.summary());
}

}  // namespace isobar::agent
