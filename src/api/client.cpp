// SPDX-License-Identifier: Apache-2.0
#include "api/client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include "base/fd.h"
#include "model/socket_address.h"

namespace isobar::api {
namespace {

namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;
using Kind = AskError::Kind;
template <typename T>
using Asked = tl::expected<T, AskError>;
using Parser = http::response_parser<http::string_body>;

// 4,096 services with some servers each are a few MB.
constexpr std::uint64_t kMaxBody = std::uint64_t{256} << 20;

tl::unexpected<AskError> cannot(Kind kind, std::string message) {
    return tl::unexpected(AskError{kind, std::move(message)});
}

tl::unexpected<AskError> from_errno(const std::string& socket, int code) {
    const Kind kind = code == EACCES || code == EPERM ? Kind::Permission : Kind::Unreachable;
    return cannot(kind, fmt::format("{}: {}", socket, std::generic_category().message(code)));
}

// Waits until the socket can do `events` without blocking.
Asked<void> wait(int fd, short events, Clock::time_point deadline) {
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) return cannot(Kind::Timeout, "isobard does not answer");
        pollfd waited{fd, events, 0};
        if (::poll(&waited, 1, static_cast<int>(left)) > 0) return {};
    }
}

Asked<Fd> connect(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.string().size() >= sizeof address.sun_path) {
        return cannot(Kind::Unreachable, path.string() + ": longer than a socket's path can be");
    }
    std::memcpy(address.sun_path, path.c_str(), path.string().size());
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return from_errno(path.string(), errno);
    // A unix socket connects at once or not at all; EAGAIN means that its queue is full.
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (errno == EAGAIN) return cannot(Kind::Timeout, "isobard has too many callers");
        return from_errno(path.string(), errno);
    }
    return socket;
}

Asked<Fd> connect(const model::Endpoint& server, Clock::time_point deadline) {
    const auto address = model::to_socket_address(server);
    Fd socket(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return from_errno(server.text(), errno);
    if (::connect(socket.get(), address.get(), address.length) == 0) return socket;
    if (errno != EINPROGRESS) return from_errno(server.text(), errno);
    if (auto done = wait(socket.get(), POLLOUT, deadline); !done)
        return tl::unexpected(done.error());
    int code = 0;
    socklen_t length = sizeof code;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &code, &length) != 0) code = errno;
    if (code != 0) return from_errno(server.text(), code);
    return socket;
}

Asked<void> send(int fd, std::string_view text, Clock::time_point deadline) {
    while (!text.empty()) {
        const ssize_t put = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (put >= 0) {
            text.remove_prefix(static_cast<std::size_t>(put));
        } else if (errno == EAGAIN || errno == EINTR) {
            if (auto ready = wait(fd, POLLOUT, deadline); !ready) return ready;
        } else {
            return cannot(Kind::Unreachable, "isobard hung up");
        }
    }
    return {};
}

// Feeds the parser what it has not consumed yet of `pending`.
Asked<void> feed(Parser& parser, std::string& pending) {
    while (!pending.empty() && !parser.is_done()) {
        boost::system::error_code error;
        const std::size_t used = parser.put(boost::asio::buffer(pending), error);
        pending.erase(0, used);
        if (error == http::error::need_more) return {};
        if (error) {
            return cannot(Kind::Garbage, "what answers is no isobard: " + error.message());
        }
        if (used == 0) return {};
    }
    return {};
}

Asked<void> receive(int fd, Parser& parser, Clock::time_point deadline) {
    std::string pending;
    std::array<char, 65536> block{};
    while (!parser.is_done()) {
        const ssize_t got = ::recv(fd, block.data(), block.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (auto ready = wait(fd, POLLIN, deadline); !ready) return ready;
            continue;
        }
        if (got <= 0) return cannot(Kind::Unreachable, "isobard hung up before it answered");
        pending.append(block.data(), static_cast<std::size_t>(got));
        if (auto fed = feed(parser, pending); !fed) return fed;
    }
    return {};
}

std::string get_request(const std::string& target) {
    return fmt::format("GET {} HTTP/1.1\r\nHost: isobard\r\nConnection: close\r\n\r\n", target);
}

std::string post_request(const std::string& target, const std::string& json) {
    return fmt::format(
        "POST {} HTTP/1.1\r\nHost: isobard\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        target, json.size(), json);
}

Asked<Answer> exchange(const Fd& socket, const std::string& request, Clock::time_point deadline,
                       std::uint64_t most) {
    if (auto sent = send(socket.get(), request, deadline); !sent) {
        return tl::unexpected(sent.error());
    }
    Parser parser;
    parser.body_limit(most);
    parser.eager(true);
    if (auto received = receive(socket.get(), parser, deadline); !received) {
        return tl::unexpected(received.error());
    }
    return Answer{static_cast<int>(parser.get().result_int()), parser.get().body()};
}

}  // namespace

tl::expected<Answer, AskError> ask(const std::filesystem::path& path, const std::string& target,
                                   std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    const auto socket = connect(path);
    if (!socket) return tl::unexpected(socket.error());
    return exchange(*socket, get_request(target), deadline, kMaxBody);
}

tl::expected<Answer, AskError> post(const std::filesystem::path& path, const std::string& target,
                                    const std::string& json, std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    const auto socket = connect(path);
    if (!socket) return tl::unexpected(socket.error());
    return exchange(*socket, post_request(target, json), deadline, kMaxBody);
}

tl::expected<Answer, AskError> ask(const model::Endpoint& server, const std::string& target,
                                   std::chrono::milliseconds limit, std::uint64_t most) {
    const auto deadline = Clock::now() + limit;
    const auto socket = connect(server, deadline);
    if (!socket) return tl::unexpected(socket.error());
    return exchange(*socket, get_request(target), deadline, most);
}

tl::expected<Answer, AskError> post(const model::Endpoint& server, const std::string& target,
                                    const std::string& json, std::chrono::milliseconds limit,
                                    std::uint64_t most) {
    const auto deadline = Clock::now() + limit;
    const auto socket = connect(server, deadline);
    if (!socket) return tl::unexpected(socket.error());
    return exchange(*socket, post_request(target, json), deadline, most);
}

}  // namespace isobar::api
