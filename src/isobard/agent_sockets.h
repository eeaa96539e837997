// SPDX-License-Identifier: Apache-2.0
// Where agents of real servers are answered: TCP sockets at the addresses that [director] names.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/server.h"
#include "model/address.h"

namespace isobar::isobard {

class AgentSockets {
public:
    // `loop` outlives it.
    AgentSockets(boost::asio::io_context& loop, api::Handler handler)
        : loop_(loop), handler_(std::move(handler)) {}

    // Opens those that are new and closes those that are not wanted any more.
    void follow(const std::vector<model::Endpoint>& wanted);

    // The same, if other ones are wanted than at the last time.
    void keep_up(const std::vector<model::Endpoint>& wanted) {
        if (wanted != wanted_) follow(wanted);
    }

    // What could not be opened, and why. Tried again by the next follow().
    [[nodiscard]] const std::vector<std::string>& troubles() const { return troubles_; }

private:
    boost::asio::io_context& loop_;
    api::Handler handler_;
    std::vector<model::Endpoint> wanted_;
    std::map<model::Endpoint, api::Serving> open_;
    std::vector<std::string> troubles_;
};

}  // namespace isobar::isobard
