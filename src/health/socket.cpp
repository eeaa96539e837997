// SPDX-License-Identifier: Apache-2.0
#include "health/socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "model/socket_address.h"

namespace isobar::health {
namespace {

namespace asio = boost::asio;
using Waitable = asio::posix::stream_descriptor;

Io failed(int error) {
    return Io{.kind = Io::Kind::Failed, .error = error};
}

// Asio looks anew at what is ready whenever somebody begins to wait: an event between our read
// and this call is not lost.
Task<Io> wait(Attempt* attempt, Waitable* descriptor, Waitable::wait_type what) {
    if (attempt->over()) co_return Io{.kind = Io::Kind::Late};
    boost::system::error_code error;
    attempt->on_end([descriptor] {
        boost::system::error_code ignored;
        (void)descriptor->cancel(ignored);
    });
    co_await descriptor->async_wait(what, asio::redirect_error(asio::use_awaitable, error));
    attempt->on_end(nullptr);
    if (attempt->over()) co_return Io{.kind = Io::Kind::Late};
    if (error) co_return failed(error.value());
    co_return Io{};
}

bool would_block(int error) {
    return error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

struct Socket::Descriptor {
    Descriptor(Attempt& owner, Fd fd) : attempt(owner), waitable(owner.around().loop) {
        waitable.assign(fd.get());
        (void)fd.release();
    }
    Attempt& attempt;
    Waitable waitable;
};

bool is_ours(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL || would_block(error);
}

std::string lower_case_error(int error) {
    std::string text = std::strerror(error);
    if (!text.empty()) text[0] = static_cast<char>(std::tolower(text[0]));
    return text;
}

Outcome outcome_of(const Io& io, const Attempt& attempt, std::string_view missing) {
    switch (io.kind) {
        case Io::Kind::Late:
            return attempt.late(missing);
        case Io::Kind::Ended:
            return bad(fmt::format("closed, no {}", missing));
        case Io::Kind::Failed:
        case Io::Kind::Done:
            break;
    }
    if (is_ours(io.error)) return not_made(lower_case_error(io.error));
    return bad(lower_case_error(io.error));
}

Socket::Socket(std::unique_ptr<Descriptor> descriptor) : descriptor_(std::move(descriptor)) {}
Socket::Socket(Socket&&) noexcept = default;
Socket& Socket::operator=(Socket&&) noexcept = default;
Socket::~Socket() = default;

Result<Socket> Socket::open(Attempt& attempt, int type, int protocol) {
    const bool v4 = target_of(attempt.subject()).address.family == model::Family::V4;
    Fd fd(::socket(v4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    if (!fd.valid()) return failure(Fault::System, lower_case_error(errno));
    if (attempt.around().prepare) {
        auto prepared = attempt.around().prepare(fd.get(), attempt.subject());
        if (!prepared) return tl::unexpected(std::move(prepared.error()));
    }
    return Socket(std::make_unique<Descriptor>(attempt, std::move(fd)));
}

Result<Socket> Socket::adopt(Attempt& attempt, Fd fd) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) < 0) {
        return failure(Fault::System, lower_case_error(errno));
    }
    return Socket(std::make_unique<Descriptor>(attempt, std::move(fd)));
}

int Socket::get() const {
    return descriptor_->waitable.native_handle();
}

Task<Io> Socket::connect() {
    const auto to = model::to_socket_address(target_of(descriptor_->attempt.subject()));
    if (::connect(get(), to.get(), to.length) == 0) co_return Io{};
    if (errno != EINPROGRESS) co_return failed(errno);
    const Io io = co_await writable();
    if (!io.done()) co_return io;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    co_return error == 0 ? Io{} : failed(error);
}

Task<Io> Socket::send(std::string_view bytes, std::string_view shown) {
    descriptor_->attempt.transcript.sent(shown.empty() ? bytes : shown);
    std::size_t sent = 0;
    do {
        const ssize_t put = ::send(get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (put >= 0) {
            sent += static_cast<std::size_t>(put);
        } else if (would_block(errno)) {
            const Io io = co_await writable();
            if (!io.done()) co_return io;
        } else if (errno != EINTR) {
            co_return failed(errno);
        }
    } while (sent < bytes.size());
    co_return Io{.bytes = sent};
}

Task<Io> Socket::receive(std::span<char> into) {
    for (;;) {
        // Not past its time, however much there is to read: the loop has no turn meanwhile.
        if (std::chrono::steady_clock::now() >= descriptor_->attempt.deadline()) {
            co_return Io{.kind = Io::Kind::Late};
        }
        const ssize_t got = ::read(get(), into.data(), into.size());
        if (got > 0) {
            const auto bytes = static_cast<std::size_t>(got);
            descriptor_->attempt.transcript.received({into.data(), bytes});
            co_return Io{.bytes = bytes};
        }
        if (got == 0) co_return Io{.kind = Io::Kind::Ended};
        if (would_block(errno)) {
            const Io io = co_await readable();
            if (!io.done()) co_return io;
        } else if (errno != EINTR) {
            co_return failed(errno);
        }
    }
}

Task<Io> Socket::readable() {
    return wait(&descriptor_->attempt, &descriptor_->waitable, Waitable::wait_read);
}

Task<Io> Socket::writable() {
    return wait(&descriptor_->attempt, &descriptor_->waitable, Waitable::wait_write);
}

}  // namespace isobar::health
