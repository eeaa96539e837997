// SPDX-License-Identifier: Apache-2.0
// The request of an HTTP check, written once.
#pragma once

#include <string>

#include "base/result.h"
#include "model/address.h"
#include "model/check.h"

namespace isobar::health {

struct HttpRequest {
    std::string text;   // what is sent
    std::string shown;  // the same for people: without passwords and cookies
};

// Invalid if a field has a line end or a control character: it would be another request.
Result<HttpRequest> write_request(const model::HttpProbe& probe, const model::Endpoint& target);

}  // namespace isobar::health
