// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <stdexcept>
#include <utility>

#include "health/test_servers.h"
#include "model/socket_address.h"

namespace isobar::health {
namespace {

// True: readable; false: stopped, or the time has passed.
bool wait_readable(int fd, int stopped, int milliseconds = -1) {
    std::array<pollfd, 2> waited{pollfd{stopped, POLLIN, 0}, pollfd{fd, POLLIN, 0}};
    const int ready = ::poll(waited.data(), waited.size(), milliseconds);
    return ready > 0 && waited[0].revents == 0;
}

model::Endpoint bound_to(int socket, const char* address) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size);
    // sin_port and sin6_port lie in the same place
    return {*model::Address::parse(address),
            ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port)};
}

Fd bind_any(int type, const char* address) {
    const auto any = model::to_socket_address({*model::Address::parse(address), 0});
    Fd socket(::socket(any.get()->sa_family, type | SOCK_CLOEXEC, 0));
    if (::bind(socket.get(), any.get(), any.length) != 0) throw std::runtime_error("bind");
    return socket;
}

}  // namespace

std::string Peer::read_until(std::string_view text) const {
    std::string said;
    std::array<char, 4096> block{};
    while (said.find(text) == std::string::npos && wait_readable(socket_, stopped_)) {
        const ssize_t got = ::read(socket_, block.data(), block.size());
        if (got <= 0) break;
        said.append(block.data(), static_cast<std::size_t>(got));
    }
    return said;
}

bool Peer::say(std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t put =
            ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(put));
            continue;
        }
        if (errno != EAGAIN) return false;
        std::array<pollfd, 2> waited{pollfd{stopped_, POLLIN, 0}, pollfd{socket_, POLLOUT, 0}};
        if (::poll(waited.data(), waited.size(), -1) < 0 || waited[0].revents != 0) return false;
    }
    return true;
}

void Peer::wait_for_close() const {
    std::array<char, 4096> block{};
    while (wait_readable(socket_, stopped_) && ::read(socket_, block.data(), block.size()) > 0) {
    }
}

bool Peer::pass(std::chrono::milliseconds time) const {
    pollfd stopped{stopped_, POLLIN, 0};
    return ::poll(&stopped, 1, static_cast<int>(time.count())) == 0;
}

void Peer::reset() const {
    const linger at_once{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

TestServer::TestServer(int type, const char* address)
    : listening_(bind_any(type, address)),
      stopped_(::eventfd(0, EFD_CLOEXEC)),
      endpoint_(bound_to(listening_.get(), address)) {}

TestServer::TestServer(Serve serve, const char* address) : TestServer(SOCK_STREAM, address) {
    ::listen(listening_.get(), 128);
    thread_ = std::thread(
        [serve = std::move(serve), listening = listening_.get(), stopped = stopped_.get()] {
            while (wait_readable(listening, stopped)) {
                const Fd socket(::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC));
                if (socket.valid()) serve(Peer(socket.get(), stopped));
            }
        });
}

TestServer TestServer::datagrams(std::function<std::string(std::string_view)> answer) {
    TestServer server(SOCK_DGRAM, "127.0.0.1");
    server.thread_ = std::thread([answer = std::move(answer), socket = server.listening_.get(),
                                  stopped = server.stopped_.get()] {
        std::array<char, 4096> block{};
        while (wait_readable(socket, stopped)) {
            sockaddr_storage from{};
            socklen_t size = sizeof from;
            const ssize_t got = ::recvfrom(socket, block.data(), block.size(), 0,
                                           reinterpret_cast<sockaddr*>(&from), &size);
            if (got < 0) continue;
            const std::string said = answer({block.data(), static_cast<std::size_t>(got)});
            if (said.empty()) continue;
            ::sendto(socket, said.data(), said.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
        }
    });
    return server;
}

TestServer::~TestServer() {
    if (!thread_.joinable()) return;
    ::eventfd_write(stopped_.get(), 1);
    thread_.join();
}

model::Endpoint closed_port(int type) {
    // Free a moment ago; ports are given out in turn, so it stays free for a while.
    const Fd socket = bind_any(type, "127.0.0.1");
    return bound_to(socket.get(), "127.0.0.1");
}

bool run_until(boost::asio::io_context& loop, const std::function<bool()>& done,
               std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!done()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        loop.restart();
        loop.run_one_until(deadline);
    }
    return true;
}

}  // namespace isobar::health
