// SPDX-License-Identifier: Apache-2.0
// One row for each service, or each real server, of a status: what tables, sorting and JSON of
// isobar services, servers and top are made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/status.h"
#include "base/result.h"
#include "isobar/table.h"

namespace isobar::cli {

struct Load {
    std::uint64_t active = 0;
    std::uint64_t inactive = 0;
    model::Rates rates;
};

struct ServerFacts {
    std::string service;  // its name; of one made by hand what it listens on
    std::string address, method;
    std::optional<model::Weight> weight;      // now; none: it is out
    std::optional<model::Weight> configured;  // none: it is in no configuration
    std::string state;   // "up", "down", "unknown", "off", "sorry"; "": made by hand
    std::string reason;  // "down: connection refused"; "" if there is nothing to say
    bool overloaded = false;
    Load load;
};

struct ServiceFacts {
    std::string name, address, scheduler;
    std::size_t up = 0, servers = 0;
    std::string state;  // "ok", "no quorum", "sorry server", "no servers"
    Load load;
};

std::vector<ServerFacts> server_facts(const api::Status& status);
std::vector<ServiceFacts> service_facts(const api::Status& status);

// By what rows are sorted; None: as they are configured.
enum class SortBy : std::uint8_t { None, Active, Inactive, Connections, In, Out, Weight };
std::string_view name(SortBy by);
Result<SortBy> sort_named(std::string_view name);

// The largest first.
void sort(std::vector<ServerFacts>& servers, SortBy by);
void sort(std::vector<ServiceFacts>& services, SortBy by);

// At most so wide: the reason is cut.
std::string servers_table(const std::vector<ServerFacts>& servers, std::size_t width,
                          Colours colours);
std::string services_table(const std::vector<ServiceFacts>& services, Colours colours);

std::string servers_json(const std::vector<ServerFacts>& servers);
std::string services_json(const std::vector<ServiceFacts>& services);

}  // namespace isobar::cli
