// SPDX-License-Identifier: Apache-2.0
// How the load of a service's servers is learnt, and what makes weights of it. Values only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/address.h"
#include "model/check.h"

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

struct LoadConfig {
    LoadSource from = LoadSource::Uptime;
    LoadController controller = LoadController::Damped;
    std::chrono::milliseconds interval{2000};
    std::chrono::milliseconds timeout{5000};
    std::vector<std::string> command{"ssh"};  // Uptime: how to get to the server
    std::string user = "nobody";              // who runs it, and rup and ruptime
    Port port = 0;                            // Agent, Http: other than the server's
    std::string path = "/";                   // Http
    LoadPlace place;                          // Http
    // Damped: no weight leaves these, in per cent of the configured one.
    std::uint32_t least = 10;
    std::uint32_t most = 1000;
    bool operator==(const LoadConfig&) const = default;
};

}  // namespace isobar::model
