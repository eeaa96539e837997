// SPDX-License-Identifier: Apache-2.0
// The loads of a configuration's servers, and the weights that follow from them: which questions
// are asked, when weights are corrected, by whom. The law is src/load's, the asking src/health's.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/condition.h"
#include "control/probe_services.h"
#include "health/state.h"
#include "health/subject.h"
#include "load/controller.h"
#include "model/config.h"

namespace isobar::control {

using StateOf = std::function<std::optional<health::State>(const health::Subject&)>;

health::Subject check_subject(const model::ServiceConfig& service,
                              const model::ServerConfig& server, const model::Check& check,
                              const ProbeMarks& marks);

// How a server is asked for its load; nothing where that is measured by its checks.
std::optional<health::Subject> load_subject(const model::ServiceConfig& service,
                                            const model::ServerConfig& server);

// What an agent says of its server's duty, for the condition of that server.
void add_agent(const load::AgentAnswer& agent, ServerCondition& condition);

class LoadWatch {
public:
    // These services from now on; the weights of those that were stay.
    void follow(const model::Config& config);

    // When weights are to be corrected next; nothing: never.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> due() const;
    // Corrects the weights that are due, and puts all of them into `conditions`. `by_load`: servers
    // that get what their load allows, and not what somebody else says.
    void steer(std::chrono::steady_clock::time_point now, const StateOf& state_of,
               const std::set<ServerName>& by_load, Conditions& conditions);

private:
    struct Server {
        model::ServerConfig config;
        std::optional<health::Subject> subject;  // that is asked
        std::vector<health::Subject> checks{};   // or whose time is taken
        std::uint64_t answers = 0;               // of those, at the last correction
    };
    struct Service {
        std::string name;
        model::LoadConfig config;
        std::vector<Server> servers;
        std::shared_ptr<load::Controller> controller;  // shared by the old and the new list
        std::chrono::steady_clock::time_point due;
        load::SteeredServers steered;
    };
    static std::uint64_t answers_of(const std::vector<Server>& servers, const Server& wanted);
    void correct(Service& service, const StateOf& state_of, const std::set<ServerName>& by_load,
                 const Conditions& conditions);

    std::vector<Service> services_;
};

}  // namespace isobar::control
