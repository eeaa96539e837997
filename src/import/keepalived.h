// SPDX-License-Identifier: Apache-2.0
// The parts of a keepalived.conf reader: what services, servers and checkers have in common.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "import/draft.h"
#include "import/findings.h"
#include "import/node.h"
#include "import/values.h"

namespace isobar::importer {

// What may be said of a service, a server or a checker; the nearest word counts.
struct CheckerSettings {
    std::optional<std::chrono::milliseconds> delay_loop, connect_timeout, delay_before_retry;
    std::optional<std::uint32_t> retry;
    std::optional<bool> alpha;
    std::string virtualhost;
};

// Reads `node` if it is one of these settings.
bool read_setting(const Node& node, CheckerSettings& into, Values& values, Findings& findings);
// on, true, yes; a keyword alone is true as well.
bool read_bool(const Node& node, Findings& findings);

bool is_checker(const Node& node);
// Appends the checks that one checker comes to: one for each url.
void read_checker(const Node& node, const CheckerSettings& settings, Values& values,
                  Findings& findings, std::vector<model::Check>& into);

using Groups = std::map<std::string, const Node*>;
// Appends the services of a virtual_server: several if a group has marks or both families.
void read_virtual_server(const Node& node, const Groups& groups, Values& values, Findings& findings,
                         std::vector<ServiceDraft>& into);

}  // namespace isobar::importer
