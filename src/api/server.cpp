// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>

#include <array>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include "api/socket_address.h"

namespace isobar::api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
// Unix and TCP sockets alike: Beast is compiled once for both.
using Protocol = asio::generic::stream_protocol;
using Acceptor = asio::basic_socket_acceptor<Protocol>;
using Stream = beast::basic_stream<Protocol>;
using boost::system::error_code;

constexpr std::uint32_t kMaxHeader = 8 * 1024;

// Shared by the accept loop and every session: whichever of them the loop destroys last
// still needs it.
struct Shared {
    Handler handler;
    Limits limits;
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

// Who is at the other end of a unix socket: the name, or the number if it has none.
std::string user_of(int socket) {
    ucred peer{};
    socklen_t length = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return "somebody";
    std::array<char, 1024> room{};
    passwd entry{};
    passwd* found = nullptr;
    ::getpwuid_r(peer.uid, &entry, room.data(), room.size(), &found);
    return found != nullptr ? found->pw_name : fmt::format("uid {}", peer.uid);
}

Response handle(const Handler& handler, const Request& request) {
    try {
        return handler(request);
    } catch (const std::exception& error) {
        return problem(500, "Internal Server Error", error.what());
    }
}

// An answer that is waited for. Whoever brings it may come after its caller has gone.
struct Awaited {
    explicit Awaited(const asio::any_io_executor& loop) : timer(loop) {}
    asio::steady_timer timer;
    std::optional<Response> response;
};

// Coroutines are plain functions with parameters by value: what g++ 12 compiles right.
asio::awaitable<Response> in_time(Response response) {
    if (!response.later) co_return response;
    const auto awaited = std::make_shared<Awaited>(co_await asio::this_coro::executor);
    const auto patience = response.later([weak = std::weak_ptr(awaited)](Response brought) {
        const auto waiting = weak.lock();
        if (!waiting) return;
        waiting->response = std::move(brought);
        waiting->timer.cancel();
    });
    error_code cancelled;
    if (!awaited->response) {
        awaited->timer.expires_after(patience);
        co_await awaited->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    const bool says_nothing = response.body.empty();
    Response late =
        says_nothing ? problem(504, "Gateway Timeout", "no answer in time") : std::move(response);
    co_return std::move(awaited->response).value_or(std::move(late));
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

asio::awaitable<void> session(SharedPtr shared, Protocol::socket socket) {
    const SessionCount count(shared);
    const Limits& limits = shared->limits;
    const auto from = peer_of(socket.native_handle());
    Stream stream(std::move(socket));
    beast::flat_buffer buffer(kMaxHeader + limits.body);
    bool keep_alive = true;
    while (keep_alive) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(kMaxHeader);
        parser.body_limit(limits.body);
        error_code error;
        stream.expires_after(limits.patience);
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
            keep_alive = request.keep_alive() && !limits.one_request;
            Request plain;
            plain.method = std::string(request.method_string());
            plain.target = std::string(request.target());
            plain.from = from;
            plain.user = [&stream] { return user_of(stream.socket().native_handle()); };
            plain.body = request.body();
            Response response = co_await in_time(handle(shared->handler, plain));
            message = to_http(std::move(response), request.version(), keep_alive);
        }
        stream.expires_after(limits.patience);
        co_await http::async_write(stream, message,
                                   asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return;
    }
    error_code ignored;
    (void)stream.socket().shutdown(Protocol::socket::shutdown_send, ignored);
}

asio::awaitable<void> accept_sessions(SharedPtr shared, std::shared_ptr<Acceptor> acceptor) {
    asio::steady_timer pause(acceptor->get_executor());
    while (acceptor->is_open()) {
        error_code error;
        Protocol::socket socket =
            co_await acceptor->async_accept(asio::redirect_error(asio::use_awaitable, error));
        if (error == asio::error::operation_aborted) co_return;
        if (error) {
            // Out of descriptors or memory: the connection waits in the queue meanwhile.
            pause.expires_after(std::chrono::milliseconds(100));
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
            continue;
        }
        if (shared->sessions >= shared->limits.sessions) continue;  // closes it
        asio::co_spawn(acceptor->get_executor(), session(shared, std::move(socket)),
                       asio::detached);
    }
}

int domain_of(int socket) {
    int domain = AF_UNIX;
    socklen_t length = sizeof domain;
    (void)::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length);
    return domain;
}

}  // namespace

// Weak: the acceptor belongs to the loop, which may end first.
struct Serving::Door {
    std::weak_ptr<Acceptor> acceptor;

    explicit Door(std::weak_ptr<Acceptor> opened) : acceptor(std::move(opened)) {}
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;
    ~Door() {
        error_code ignored;
        if (const auto open = acceptor.lock()) (void)open->close(ignored);
    }
};

Serving::Serving(std::unique_ptr<Door> door) : door_(std::move(door)) {}
Serving::Serving(Serving&&) noexcept = default;
Serving& Serving::operator=(Serving&&) noexcept = default;
Serving::~Serving() = default;

Serving serve(asio::io_context& loop, Fd listening, Handler handler, Limits limits) {
    auto shared = std::make_shared<Shared>(Shared{std::move(handler), limits});
    const Protocol protocol(domain_of(listening.get()), 0);
    auto acceptor = std::make_shared<Acceptor>(loop, protocol, listening.release());
    auto door = std::make_unique<Serving::Door>(acceptor);
    asio::co_spawn(loop, accept_sessions(std::move(shared), std::move(acceptor)), asio::detached);
    return Serving(std::move(door));
}

}  // namespace isobar::api
