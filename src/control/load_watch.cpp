// SPDX-License-Identifier: Apache-2.0
#include "control/load_watch.h"

#include <algorithm>
#include <utility>

namespace isobar::control {
namespace {

using model::LoadSource;
using std::chrono::steady_clock;

model::Probe probe_of(const model::LoadConfig& load, const model::ServerConfig& server) {
    if (load.from == LoadSource::Agent) return model::AgentProbe{};
    if (load.from == LoadSource::Http) {
        model::HttpProbe http;
        http.path = load.path;
        http.load = load.place;
        return http;
    }
    const std::string host = server.host.empty() ? "%h" : server.host;
    model::ProgramProbe program;
    program.user = load.user;
    program.prints_load = true;
    if (load.from == LoadSource::Uptime) {
        program.command = load.command;
        program.command.insert(program.command.end(), {host, "uptime"});
    } else {
        program.command = {std::string(name(load.from)), host};
    }
    return program;
}

// Of the clock, not of the start: services are corrected together, by one plan for all.
steady_clock::time_point next_of(steady_clock::time_point now, std::chrono::milliseconds interval) {
    const auto passed = now.time_since_epoch() / interval;
    return steady_clock::time_point(interval * (passed + 1));
}

// How long its checks take, in milliseconds: the longest.
void measure(const std::vector<health::State>& checks, load::Seen& seen, std::uint64_t& answers) {
    answers = 0;
    double longest = 0;
    for (const health::State& state : checks) {
        answers += state.answers;
        longest = std::max(longest, static_cast<double>(state.response.count()) / 1000);
    }
    if (longest > 0) seen.reading = load::Reading{longest, {}};
}

}  // namespace

health::Subject check_subject(const model::ServiceConfig& service,
                              const model::ServerConfig& server, const model::Check& check,
                              const ProbeMarks& marks) {
    health::Subject subject{server.address, check};
    const auto own = probed_address(service);
    if (subject.server.port == 0) subject.server.port = own.port;
    const auto mark = marks.find({service.name, server.address});
    if (!check.through_service || mark == marks.end()) return subject;
    subject.through = own;
    if (check.port != 0) subject.through->port = check.port;
    subject.mark = mark->second;
    return subject;
}

std::optional<health::Subject> load_subject(const model::ServiceConfig& service,
                                            const model::ServerConfig& server) {
    if (!service.load || service.load->from == LoadSource::Response) return std::nullopt;
    model::Check check;
    check.probe = probe_of(*service.load, server);
    check.interval = service.load->interval;
    check.timeout = service.load->timeout;
    check.retries = 0;
    check.port = service.load->port;
    return check_subject(service, server, check, {});
}

void add_agent(const load::AgentAnswer& agent, ServerCondition& condition) {
    using Duty = load::AgentAnswer::Duty;
    if (agent.fitness == load::AgentAnswer::Fitness::Down && condition.health == Health::Up) {
        condition.health = Health::Down;
        condition.reason = agent.why.empty() ? "its agent says so" : "its agent: " + agent.why;
    }
    condition.drained_by_agent = agent.duty == Duty::Drain;
    condition.maintained_by_agent = agent.duty == Duty::Maintenance;
}

// An answer that has counted does not count again.
std::uint64_t LoadWatch::answers_of(const std::vector<Server>& servers, const Server& wanted) {
    const auto same = std::ranges::find_if(servers, [&](const Server& server) {
        return server.config.address == wanted.config.address && server.subject == wanted.subject &&
               server.checks == wanted.checks;
    });
    return same == servers.end() ? 0 : same->answers;
}

void LoadWatch::follow(const model::Config& config) {
    std::vector<Service> services;
    const ProbeMarks marks = probe_marks(config);
    for (const model::ServiceConfig& service : config.services) {
        if (!service.enabled || !service.load) continue;
        Service made{service.name, *service.load, {}, {}, {}, {}};
        for (const model::ServerConfig& server : service.servers) {
            if (!server.enabled) continue;
            made.servers.push_back({server, load_subject(service, server)});
            if (service.load->from != LoadSource::Response) continue;
            for (const model::Check& check : server.checks)
                made.servers.back().checks.push_back(check_subject(service, server, check, marks));
        }
        const auto kept = std::ranges::find(services_, service.name, &Service::name);
        if (kept != services_.end() && kept->config == made.config) {
            made.controller = kept->controller;
            made.due = kept->due;
            made.steered = kept->steered;
            for (Server& server : made.servers) server.answers = answers_of(kept->servers, server);
        } else {
            made.controller = load::make_controller(made.config);
            made.due = next_of(steady_clock::now(), made.config.interval);
        }
        services.push_back(std::move(made));
    }
    services_ = std::move(services);
}

std::optional<steady_clock::time_point> LoadWatch::due() const {
    if (services_.empty()) return std::nullopt;
    return std::ranges::min_element(services_, {}, &Service::due)->due;
}

void LoadWatch::correct(Service& service, const StateOf& state_of,
                        const std::set<ServerName>& by_load, const Conditions& conditions) {
    load::SeenServers all;
    for (Server& server : service.servers) {
        load::Seen& seen = all[server.config.address];
        const ServerName name{service.name, server.config.address};
        seen.configured =
            conditions.of(name.first, name.second).weight.value_or(server.config.weight);
        seen.serves = by_load.contains(name);
        std::vector<health::State> states;
        for (const health::Subject& subject :
             server.subject ? std::vector{*server.subject} : server.checks)
            states.push_back(state_of(subject).value_or(health::State{}));
        std::uint64_t answers = 0;
        if (!server.subject) {
            measure(states, seen, answers);
        } else {
            const health::State& state = states.front();
            answers = state.answers;
            if (state.load) seen.reading = load::Reading{state.load, {}};
            if (state.agent.percent) seen.reading = load::Reading{{}, state.agent.percent};
            if (state.health != Health::Up) seen.trouble = state.reason;
        }
        seen.fresh = answers != server.answers;
        server.answers = answers;
    }
    service.steered = service.controller->correct(all);
}

void LoadWatch::steer(steady_clock::time_point now, const StateOf& state_of,
                      const std::set<ServerName>& by_load, Conditions& conditions) {
    for (Service& service : services_) {
        if (now >= service.due) {
            correct(service, state_of, by_load, conditions);
            service.due = next_of(now, service.config.interval);
        }
        for (const Server& server : service.servers) {
            ServerCondition& condition = conditions.servers[{service.name, server.config.address}];
            condition.follows_load = true;
            condition.scale = service.controller->scale();
            const auto found = service.steered.find(server.config.address);
            if (found != service.steered.end()) condition.steered = found->second;
            const auto state = server.subject ? state_of(*server.subject) : std::nullopt;
            if (state) add_agent(state->agent, condition);
        }
    }
}

}  // namespace isobar::control
