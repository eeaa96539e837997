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

class Follower {
public:
    // `by_hand` goes on top of what directors say. The agent does that already.
    Follower(Settings by_hand, const std::vector<model::Endpoint>& directors)
        : by_hand_(by_hand), done_(std::move(by_hand)), directors_(directors) {}

    // Asks once. What cannot be done is logged once, tried again each time, and changes as little
    // as possible. Until all directors have answered once, nothing is taken away: an earlier agent
    // may have put there what the others will ask for.
    void look(Agent& agent);

private:
    void trouble(const std::string& what);

    Settings by_hand_;
    std::optional<Settings> done_;  // none: it failed in the middle
    bool undone_ = false;           // what an earlier agent did
    Directors directors_;
    std::string trouble_;
};

}  // namespace isobar::agent
