// SPDX-License-Identifier: Apache-2.0
// What stands behind the '?' of a request's target: "?service=web&limit=10".
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace isobar::api {

using Query = std::map<std::string, std::string>;

// Of a whole target. Fault::Invalid for what is no query, and what is said twice.
Result<Query> parse_query(std::string_view target);

// With its '?'; empty if there is nothing in it.
std::string query_text(const Query& query);

}  // namespace isobar::api
