// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/explain: what the data plane would do with a packet, step by step, with what only the
// director knows: names of services, and why a server has the weight that it has.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/query.h"
#include "base/result.h"
#include "control/plan.h"
#include "model/config.h"
#include "model/decision.h"

namespace isobar::api {

// Of protocol, source, destination, and mark at will.
Result<model::Question> parse_question(const Query& query);
Query question_query(const model::Question& question);

struct ConfiguredServer {
    model::Endpoint address;
    std::string text;  // "out, down: connection refused"

    bool operator==(const ConfiguredServer&) const = default;
};

struct Explanation {
    model::Decision decision;
    std::string service;                      // its name; "": it was made by hand, or there is none
    bool sorry = false;                       // only its sorry server serves
    std::vector<ConfiguredServer> standings;  // of the servers that the service is to have

    bool operator==(const Explanation&) const = default;
};

Explanation explanation(model::Decision decision, const model::Config& config,
                        const std::vector<control::ServicePlan>& plans);

std::string explanation_json(const Explanation& explanation);
Result<Explanation> parse_explanation(std::string_view json);

}  // namespace isobar::api
