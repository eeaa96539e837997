// SPDX-License-Identifier: Apache-2.0
// Which request gets which answer. Knows HTTP's words (methods, codes, types) but no
// socket: the server hands requests in and carries responses out.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/agent_report.h"
#include "api/config_desk.h"
#include "api/connections.h"
#include "api/events.h"
#include "api/explanation.h"
#include "api/health_view.h"
#include "api/real_server.h"
#include "api/status.h"
#include "base/result.h"
#include "control/condition.h"
#include "control/wishes.h"
#include "model/address.h"

namespace isobar::api {

struct Request {
    std::string method;                    // "GET"
    std::string target;                    // "/api/v1/status?x=y"
    std::optional<model::Address> from{};  // none: a process of this host, by the unix socket
    std::string body{};
    std::function<std::string()> user{};  // of that process: looking it up may take its time
};

struct Response;
using Answering = std::function<void(Response)>;

// An answer that takes its time. It is told where to bring it, on the loop's thread and once at
// most, and says how long to wait for it.
using Later = std::function<std::chrono::milliseconds(Answering)>;

struct Response {
    int code = 200;
    std::string content_type = "application/json";
    std::string body{};
    std::string allow{};  // of a 405: the methods there are
    Later later{};        // if it does not come in time, all else here is the answer, or a 504
};

// RFC 9457: {"type":"about:blank","title":...,"status":...,"detail":...}
Response problem(int code, std::string_view title, std::string_view detail);

// The reverse, for people: its detail, or the body as it is if that is no problem.
std::string problem_detail(const std::string& body);

// The request as a whole could not be read: 400, 413, 431.
Response unreadable(int code, std::string_view why);

// How long a drain may be given.
inline constexpr std::chrono::seconds kLongestDrain = std::chrono::hours(31 * 24);

// What an operator wants of a server; what is not said stays as it is.
struct WishRequest {
    std::string service;
    model::Endpoint server;  // port 0: the only one of that address
    std::optional<control::Wish> wish;
    std::optional<std::optional<model::Weight>> weight;  // nothing within: not by hand any more
    std::string why, by;
    std::optional<std::chrono::seconds> within{};  // of a drain: what then comes
    control::Afterwards afterwards = control::Afterwards::Wait;

    [[nodiscard]] std::string text() const;  // "drain", "weight 3", "none, weight auto"
};

// {"service":...,"server":...,"wish":...,"weight":...,"why":...,"within":SECONDS,"then":...}: of
// wish and weight at least one; weight null ends a weight by hand; within and then are for drain.
Result<WishRequest> parse_wish(std::string_view json);
std::string wish_json(const WishRequest& request);

// Which servers are to be checked at once.
struct CheckRequest {
    std::string service;
    std::optional<model::Endpoint> server;  // none: all of the service
};

// {"service":...,"server":...}, the latter at will.
Result<CheckRequest> parse_check(std::string_view json);
std::string check_json(const CheckRequest& request);

// Begins to check, and calls back when all have their verdict, with what was found: `last` is this
// attempt's, and no transcript. How long that takes at most.
using Checking =
    std::function<std::chrono::milliseconds(std::function<void(std::vector<HealthView>)>)>;

// Begins a listing, and calls back with its JSON. How long that takes at most.
using Listing = std::function<std::chrono::milliseconds(std::function<void(Result<std::string>)>)>;

// What the director does for local callers.
struct Desk {
    std::function<Result<Status>()> status;
    std::function<Result<ServerStanding>(const WishRequest&)> wish;
    std::function<Result<HealthView>(const std::string& service, const model::Endpoint& server)>
        health;
    std::function<Result<Checking>(const CheckRequest&)> check{};
    std::function<Result<Listing>(const ConnectionQuery&)> connections{};
    std::function<control::EventLog*()> events{};
    std::function<Result<Explanation>(const model::Question&)> explain{};
    std::function<std::vector<AgentReport>()> agents{};
    ConfigDesk config{};
};

// GET /api/v1/status, GET /api/v1/health/SERVICE/SERVER, GET /api/v1/connections?QUERY, GET
// /api/v1/events?QUERY, GET /api/v1/explain?QUERY, GET /api/v1/agents, GET /healthz, POST
// /api/v1/wishes, POST /api/v1/checks, and of the configuration under /api/v1/config: GET it and
// its versions
// (/versions, /versions/N), POST it to apply it, POST to /plan, /confirm, /rollback. All else is a
// 404 or 405 problem.
Response answer(const Request& request, const Desk& desk);

using RealServerSource = std::function<Result<RealServer>(const model::Address&)>;

using AgentReportSink = std::function<void(AgentReport)>;

// What agents may ask, and nothing else: GET /api/v1/real-server, about the address that asks; or
// POST, with what they have to say of themselves. Only those of real servers are listened to.
Response answer_agent(const Request& request, const RealServerSource& source,
                      const AgentReportSink& sink = {});

}  // namespace isobar::api
