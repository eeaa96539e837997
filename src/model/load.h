// SPDX-License-Identifier: Apache-2.0
// How the load of a service's servers is learnt, and what makes weights of it. Values only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/address.h"

namespace isobar::model {

enum class LoadSource : std::uint8_t {
    Uptime,    // uptime(1), by a command that gets there
    Rup,       // rup(1), asks rstatd
    Ruptime,   // ruptime(1), what rwhod heard
    Agent,     // HAProxy's agent-check
    Http,      // a header, or a field of JSON
    Response,  // the time that its checks take
};
enum class LoadController : std::uint8_t {
    Damped,   // towards equal load
    Piranha,  // nanny's rule
};

std::string_view name(LoadSource source);          // "ruptime"
std::string_view name(LoadController controller);  // "damped"

// What is asked of one server.
struct LoadProbe {
    LoadSource from = LoadSource::Uptime;
    std::vector<std::string> command;  // Uptime, Rup, Ruptime: the whole of it
    std::string user = "nobody";       // of those
    std::string path = "/";            // Http
    std::string header;                // Http: of the answer; empty: `field` instead
    std::string field;                 // Http: "a.b"; empty: the whole body is the number
    bool operator==(const LoadProbe&) const = default;
};

struct LoadConfig {
    LoadProbe probe;
    LoadController controller = LoadController::Damped;
    std::chrono::milliseconds interval{20000};
    std::chrono::milliseconds timeout{2000};
    Port port = 0;  // Agent, Http: other than the server's
    // Damped: no weight leaves these, in per cent of the configured one.
    std::uint32_t least = 10;
    std::uint32_t most = 1000;
    bool operator==(const LoadConfig&) const = default;
};

}  // namespace isobar::model
