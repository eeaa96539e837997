// SPDX-License-Identifier: Apache-2.0
#include "isobard/agent_sockets.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "api/socket_address.h"
#include "base/log.h"

namespace isobar::isobard {
namespace {

// A cluster of a thousand servers asks 500 times a second, and each is answered at once: who stays
// is no agent.
constexpr api::Limits kLimits{.sessions = 256,
                              .body = api::kLongestAgentReport,
                              .patience = std::chrono::seconds(3),
                              .one_request = true};

}  // namespace

void AgentSockets::follow(const std::vector<model::Endpoint>& wanted) {
    wanted_ = wanted;
    std::erase_if(open_, [&](const auto& open) {
        return std::find(wanted.begin(), wanted.end(), open.first) == wanted.end();
    });
    troubles_.clear();
    for (const model::Endpoint& place : wanted) {
        if (open_.contains(place)) continue;
        auto socket = api::listen_tcp(place);
        if (!socket) {
            troubles_.push_back(std::move(socket.error()).in("agents").message);
            log::warning(troubles_.back());
            continue;
        }
        open_.emplace(place, api::serve(loop_, *std::move(socket), handler_, kLimits));
        log::info(fmt::format("agents are answered at {}", place.text()));
    }
}

}  // namespace isobar::isobard
