// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <exception>
#include <utility>

namespace isobar::api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Local = asio::local::stream_protocol;
using Stream = beast::basic_stream<Local>;
using boost::system::error_code;

constexpr int kMaxSessions = 64;
constexpr std::uint32_t kMaxHeader = 8 * 1024;
constexpr std::uint64_t kMaxBody = std::uint64_t{64} * 1024;
// A request must arrive, and an answer leave, within this; so must the next request.
constexpr std::chrono::seconds kPatience{10};

// Shared by the accept loop and every session: whichever of them the loop destroys last
// still needs it.
struct Shared {
    Handler handler;
    int sessions = 0;
};
using SharedPtr = std::shared_ptr<Shared>;

class SessionCount {
public:
    explicit SessionCount(SharedPtr shared) : shared_(std::move(shared)) { ++shared_->sessions; }
    SessionCount(const SessionCount&) = delete;
    SessionCount& operator=(const SessionCount&) = delete;
    ~SessionCount() { --shared_->sessions; }

private:
    SharedPtr shared_;
};

Response handle(const Handler& handler, const Request& request) {
    try {
        return handler(request);
    } catch (const std::exception& error) {
        return problem(500, "Internal Server Error", error.what());
    }
}

http::response<http::string_body> to_http(Response response, unsigned version, bool keep_alive) {
    http::response<http::string_body> message;
    message.version(version);
    message.result(static_cast<unsigned>(response.code));
    message.set(http::field::content_type, response.content_type);
    message.set(http::field::cache_control, "no-store");
    if (!response.allow.empty()) message.set(http::field::allow, response.allow);
    message.keep_alive(keep_alive);
    message.body() = std::move(response.body);
    message.prepare_payload();
    return message;
}

// The answer to a request that did not parse; 0 if the other side just went away.
int code_for(const error_code& error) {
    if (error == http::error::header_limit) return 431;
    if (error == http::error::body_limit) return 413;
    if (error == http::error::end_of_stream || error == http::error::partial_message) return 0;
    return error.category() == http::make_error_code(http::error::bad_method).category() ? 400 : 0;
}

asio::awaitable<void> session(SharedPtr shared, Local::socket socket) {
    const SessionCount count(shared);
    Stream stream(std::move(socket));
    beast::flat_buffer buffer(kMaxHeader + kMaxBody);
    bool keep_alive = true;
    while (keep_alive) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(kMaxHeader);
        parser.body_limit(kMaxBody);
        error_code error;
        stream.expires_after(kPatience);
        co_await http::async_read(stream, buffer, parser,
                                  asio::redirect_error(asio::use_awaitable, error));
        const int refusal = error ? code_for(error) : 200;
        if (refusal == 0) co_return;

        http::response<http::string_body> message;
        if (error) {
            keep_alive = false;
            message = to_http(unreadable(refusal, error.message()), 11, keep_alive);
        } else {
            const auto& request = parser.get();
            keep_alive = request.keep_alive();
            Request plain;
            plain.method = std::string(request.method_string());
            plain.target = std::string(request.target());
            message = to_http(handle(shared->handler, plain), request.version(), keep_alive);
        }
        stream.expires_after(kPatience);
        co_await http::async_write(stream, message,
                                   asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return;
    }
    error_code ignored;
    (void)stream.socket().shutdown(Local::socket::shutdown_send, ignored);
}

asio::awaitable<void> accept_sessions(SharedPtr shared, Local::acceptor acceptor) {
    asio::steady_timer pause(acceptor.get_executor());
    for (;;) {
        error_code error;
        Local::socket socket =
            co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
        if (error == asio::error::operation_aborted) co_return;
        if (error) {
            // Out of descriptors or memory: the connection waits in the queue meanwhile.
            pause.expires_after(std::chrono::milliseconds(100));
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
            continue;
        }
        if (shared->sessions >= kMaxSessions) continue;  // closes it
        asio::co_spawn(acceptor.get_executor(), session(shared, std::move(socket)), asio::detached);
    }
}

}  // namespace

void serve(asio::io_context& loop, Fd listening, Handler handler) {
    auto shared = std::make_shared<Shared>();
    shared->handler = std::move(handler);
    Local::acceptor acceptor(loop, Local(), listening.release());
    asio::co_spawn(loop, accept_sessions(std::move(shared), std::move(acceptor)), asio::detached);
}

}  // namespace isobar::api
