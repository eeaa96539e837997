// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/follower.h"

#include "base/log.h"
#include "isobar-agent/told.h"

namespace isobar::agent {

void Follower::trouble(const std::string& what) {
    if (!what.empty() && what != trouble_)
        log::warning("what directors say cannot be done: " + what);
    trouble_ = what;
}

void Follower::look(Agent& agent) {
    directors_.ask_all();
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
