// SPDX-License-Identifier: Apache-2.0
// What ldirectord asks of a real server, as checks of isobar.toml.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "import/draft.h"
#include "import/findings.h"

namespace isobar::importer {

struct LdirectordCheck {
    std::string type = "negotiate";
    std::optional<std::uint32_t> connects_between;  // checktype = N
    std::string service;                            // empty: by the port
    std::string command = "/bin/true";
    std::string request, receive, host;
    std::string method = "GET";
    model::Port port = 0;
    std::optional<std::chrono::seconds> check_timeout, negotiate_timeout, interval;
    std::uint32_t check_count = 1;
    std::uint32_t failure_count = 1;
    bool quiescent = true;
};

// Notes go to `findings` if there is any.
std::vector<model::Check> checks_of(const LdirectordCheck& asked, const ServiceDraft& service,
                                    Findings* findings);

model::Address next_address(model::Address address);

}  // namespace isobar::importer
