// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 on a listening unix socket, in the caller's event loop. Bounded: so many
// connections, so large a request, so much time. Who may connect is the socket's mode.
#pragma once

#include <functional>
#include <memory>

#include "api/routes.h"
#include "base/fd.h"

// Asio stays in the .cpp files: it costs seconds to compile.
namespace boost::asio {
class io_context;
}

namespace isobar::api {

// Serves until the loop ends. `handler` runs on the loop, once for every request; what it
// throws becomes a 500.
using Handler = std::function<Response(const Request&)>;
void serve(boost::asio::io_context& loop, Fd listening, Handler handler);

}  // namespace isobar::api
