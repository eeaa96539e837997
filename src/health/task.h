// SPDX-License-Identifier: Apache-2.0
// A coroutine of Asio's, by its name alone. Who writes or awaits one includes
// <boost/asio/awaitable.hpp> in the .cpp file.
#pragma once

namespace boost::asio {
class any_io_executor;
class io_context;
template <typename Value, typename Executor>
class awaitable;  // NOLINT(readability-identifier-naming)
}  // namespace boost::asio

namespace isobar::health {

template <typename Value>
using Task = boost::asio::awaitable<Value, boost::asio::any_io_executor>;

}  // namespace isobar::health
