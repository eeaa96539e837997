// SPDX-License-Identifier: Apache-2.0
// TCP sockets and their endpoints.
#pragma once

#include <optional>

#include "base/fd.h"
#include "base/result.h"
#include "model/address.h"

namespace isobar::api {

// Who is at the other end; nothing if that is no host (a unix socket) or has gone.
std::optional<model::Address> peer_of(int socket);

// A listening TCP socket. The address need not be here yet: it may move from one director to
// another.
Result<Fd> listen_tcp(const model::Endpoint& endpoint);

}  // namespace isobar::api
