// SPDX-License-Identifier: Apache-2.0
// What a director reports about itself: the value behind GET /api/v1/status, and its two
// conversions. Pure: whoever fills it in does the I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/plan.h"
#include "model/config.h"
#include "model/service.h"

namespace isobar::api {

// Raised when a field changes its meaning or goes away; new fields do not count.
inline constexpr int kStatusVersion = 1;

struct ConfigStatus {
    std::string file;
    std::chrono::sys_seconds applied_at;
    std::vector<std::string> errors;  // why the last attempt to apply failed; empty: it did not
    std::uint32_t version = 0;        // of the history; 0: it is in none
    std::optional<std::chrono::sys_seconds> goes_back_at{};  // if nobody confirms it
};

// A configured server, in its service or out of it.
struct ServerStanding {
    model::Endpoint address;  // with the port that it has in the data plane
    bool up = true;
    std::optional<model::Weight> weight;  // that it has now; none: it is out
    model::Weight configured_weight = 1;
    std::string reason;                       // "up", "down: connection refused"
    std::optional<control::Health> health{};  // as its checks say; none: nobody checks it
    bool by_hand = false;                     // an operator has said something of it
    model::Weight scale = 1;                  // what a configured weight of 1 is in `weight`

    // What it has if nothing is wrong, in the units of `weight`.
    [[nodiscard]] model::Weight whole_weight() const { return configured_weight * scale; }
    // Has it all that the configuration gives it, with no word of anybody?
    [[nodiscard]] bool is_as_configured() const {
        return up && !by_hand && weight == whole_weight();
    }
};

struct ServiceView {
    std::string name;  // of the [[service]]; empty: made by hand
    model::ServiceStatus status;
    bool quorum = true;
    bool sorry = false;                       // the sorry server serves
    std::vector<ServerStanding> standings{};  // in the order of the configuration
};

struct InterfaceView {
    std::string name;
    bool tc = false;
    bool xdp = false;
};

struct Status {
    std::string program;  // "isobard 0.1.0"
    ConfigStatus config;
    std::vector<ServiceView> services;
    std::uint32_t connections_used = 0;
    std::uint32_t connections_room = 0;  // in the table as it is now
    std::uint32_t connections_size = 0;  // when it has grown as far as it may
    model::Timeouts timeouts;
    std::map<std::string, std::uint64_t> verdicts;  // packets by their final verdict
    std::map<std::string, std::uint64_t> events;    // what happens beside their way
    std::vector<InterfaceView> interfaces;
};

// In the order of the configuration, its names on them; what was made by hand comes last.
// `running` is as Dataplane::services() gives it, newest first; here, services and their
// servers come oldest first, as they were written down.
std::vector<ServiceView> named_services(const std::vector<model::ServiceStatus>& running,
                                        const model::Config& config);

ServerStanding standing(const control::ServerPlan& plan);
std::string text(const ServerStanding& standing);  // "weight 2, up", "out, down: refused"; "weight
                                                   // 0.37, up, load 2.10 (mean 1.05)"
std::string standing_json(const ServerStanding& standing);
Result<ServerStanding> parse_standing(std::string_view json);

// What became of the configured servers, which those that run are sorted by.
void add_standings(std::vector<ServiceView>& services,
                   const std::vector<control::ServicePlan>& plans);

// Bytes that are no UTF-8 (of a file that was not text) become U+FFFD.
std::string status_json(const Status& status);

// The reverse. Unknown fields are passed over; Fault::Unsupported for another version.
Result<Status> parse_status(std::string_view json);

}  // namespace isobar::api
