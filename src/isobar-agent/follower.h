// SPDX-License-Identifier: Apache-2.0
// Keeps an agent as directors say: asks them, and hands on what has changed.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "agent/settings.h"
#include "isobar-agent/directors.h"
#include "model/address.h"

namespace isobar::agent {

// Changes of a director arrive within this.
inline constexpr std::chrono::seconds kAskEvery{2};
// What is wrong on this host they hear within this.
inline constexpr std::chrono::seconds kReportEvery{10};

// "isobar-agent --director 192.168.10.1:10539"
std::string agent_for(const std::vector<model::Endpoint>& directors);

class Follower {
public:
    // `by_hand` goes on top of what directors say. The agent does that already.
    Follower(Settings by_hand, const std::vector<model::Endpoint>& directors)
        : by_hand_(by_hand),
          done_(std::move(by_hand)),
          directors_(directors),
          command_(agent_for(directors)) {}

    // Asks once. What cannot be done is logged once, tried again each time, and changes as little
    // as possible. Until all directors have answered once, nothing is taken away: an earlier agent
    // may have put there what the others will ask for.
    void look(Agent& agent);

private:
    void trouble(const std::string& what);
    // Nothing if it is not time yet, or directors have not said what should be here.
    std::string report_if_due();

    Settings by_hand_;
    std::optional<Settings> done_;  // none: it failed in the middle
    bool undone_ = false;           // what an earlier agent did
    Directors directors_;
    std::string command_;  // that would do what is missing
    std::chrono::steady_clock::time_point next_report_;
    std::string trouble_;
};

}  // namespace isobar::agent
