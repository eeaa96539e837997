// SPDX-License-Identifier: Apache-2.0
#include "health/ping_sockets.h"

#include <fmt/format.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "health/attempt.h"
#include "health/echo.h"
#include "health/socket.h"
#include "model/socket_address.h"

namespace isobar::health {
namespace {

namespace asio = boost::asio;
using model::Family;

// So many replies are read before others have their turn.
constexpr int kReadAtOnce = 64;

std::uint64_t random_number() {
    std::uint64_t number = 0;
    // Early at boot there may be none yet: then who can see our packets can answer them.
    if (::getrandom(&number, sizeof number, GRND_NONBLOCK) < 0) {
        number =
            static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    }
    return number;
}

// One who waits for a reply.
struct Waiter {
    Waiter(asio::io_context& loop, model::SocketAddress address) : timer(loop), from(address) {}
    asio::steady_timer timer;  // never runs out by itself
    model::SocketAddress from;
    std::uint64_t token = random_number();
    bool answered = false;
};

struct Door {
    Door(asio::io_context& loop, Family of, Fd socket, bool is_raw)
        : descriptor(loop), family(of), raw(is_raw) {
        descriptor.assign(socket.get());
        (void)socket.release();
    }
    asio::posix::stream_descriptor descriptor;
    Family family;
    bool raw;
    // Raw sockets see the replies of others, too.
    std::uint16_t id = static_cast<std::uint16_t>(random_number());
    std::uint16_t next = 0;
    std::unordered_map<std::uint16_t, Waiter*> waiters;  // by sequence number
};

bool same_address(Family family, const sockaddr_storage& from, const model::SocketAddress& wanted) {
    const auto* left = reinterpret_cast<const char*>(&from);
    const auto* right = reinterpret_cast<const char*>(&wanted.storage);
    if (family == Family::V4) {
        constexpr std::size_t kAt = offsetof(sockaddr_in, sin_addr);
        return std::memcmp(left + kAt, right + kAt, sizeof(in_addr)) == 0;
    }
    constexpr std::size_t kAt = offsetof(sockaddr_in6, sin6_addr);
    return std::memcmp(left + kAt, right + kAt, sizeof(in6_addr)) == 0;
}

// Only echo replies: the rest of the host's ICMP is not ours.
void filter(int socket, Family family) {
    if (family == Family::V4) {
        // <linux/icmp.h>, which does not go with Asio: a bit for each type that is not wanted.
        constexpr int kIcmpFilter = 1;
        constexpr std::uint32_t kAllButEchoReply = ~1U;
        (void)::setsockopt(socket, SOL_RAW, kIcmpFilter, &kAllButEchoReply,
                           sizeof kAllButEchoReply);
        return;
    }
    icmp6_filter only{};
    ICMP6_FILTER_SETBLOCKALL(&only);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
    (void)::setsockopt(socket, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof only);
}

Result<std::shared_ptr<Door>> open_door(asio::io_context& loop, Family family) {
    const int domain = family == Family::V4 ? AF_INET : AF_INET6;
    const int protocol =
        family == Family::V4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
    constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    Fd socket(::socket(domain, SOCK_DGRAM | kFlags, protocol));
    const bool raw = !socket.valid() && (errno == EACCES || errno == EPERM);
    if (raw) socket = Fd(::socket(domain, SOCK_RAW | kFlags, protocol));
    if (!socket.valid()) {
        return failure(Fault::System, "socket for pings: " + lower_case_error(errno));
    }
    if (raw) filter(socket.get(), family);
    return std::make_shared<Door>(loop, family, std::move(socket), raw);
}

void take_reply(Door& door, std::string_view packet, const sockaddr_storage& from) {
    const auto echo = read_echo_reply(door.family, packet, door.raw && door.family == Family::V4);
    if (!echo || (door.raw && echo->id != door.id)) return;
    const auto found = door.waiters.find(echo->sequence);
    if (found == door.waiters.end()) return;
    Waiter& waiter = *found->second;
    if (echo->token != waiter.token || !same_address(door.family, from, waiter.from)) return;
    waiter.answered = true;
    waiter.timer.cancel();
}

// Until the socket is closed. The door is kept as long.
Task<void> read_replies(std::shared_ptr<Door> door) {
    std::array<char, 512> packet;
    boost::system::error_code error;
    while (door->descriptor.is_open()) {
        for (int i = 0; i < kReadAtOnce; ++i) {
            sockaddr_storage from{};
            socklen_t size = sizeof from;
            const ssize_t got =
                ::recvfrom(door->descriptor.native_handle(), packet.data(), packet.size(), 0,
                           reinterpret_cast<sockaddr*>(&from), &size);
            if (got < 0) break;
            take_reply(*door, {packet.data(), static_cast<std::size_t>(got)}, from);
        }
        co_await door->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                             asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return;
    }
}

void close(const std::shared_ptr<Door>& door) {
    boost::system::error_code ignored;
    if (door) (void)door->descriptor.close(ignored);
}

// Takes the sequence number and gives it back.
class Place {
public:
    Place(std::shared_ptr<Door> door, Waiter* waiter) : door_(std::move(door)) {
        while (door_->waiters.contains(door_->next)) ++door_->next;
        sequence_ = door_->next++;
        door_->waiters.emplace(sequence_, waiter);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { door_->waiters.erase(sequence_); }
    [[nodiscard]] std::uint16_t sequence() const { return sequence_; }

private:
    std::shared_ptr<Door> door_;
    std::uint16_t sequence_ = 0;
};

Task<Outcome> ping_by(std::shared_ptr<Door> door, Attempt* attempt) {
    if (door->waiters.size() >= 0x8000) co_return not_made("too many pings at a time");
    model::Endpoint target = target_of(attempt->subject());
    target.port = 0;  // of a raw socket it would be the protocol
    Waiter waiter(attempt->around().loop, model::to_socket_address(target));
    const Place place(door, &waiter);
    const std::string request = write_echo_request(
        door->family, Echo{.id = door->id, .sequence = place.sequence(), .token = waiter.token});
    attempt->transcript.note(fmt::format("echo request to {}\n", target.address.text()));
    const ssize_t put = ::sendto(door->descriptor.native_handle(), request.data(), request.size(),
                                 MSG_NOSIGNAL, waiter.from.get(), waiter.from.length);
    if (put < 0) co_return outcome_of(Io{.kind = Io::Kind::Failed, .error = errno}, *attempt);

    waiter.timer.expires_at(std::chrono::steady_clock::time_point::max());
    attempt->on_end([&waiter] { waiter.timer.cancel(); });
    if (!attempt->over()) {
        boost::system::error_code cancelled;
        co_await waiter.timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    attempt->on_end(nullptr);
    if (!waiter.answered) co_return attempt->late();
    attempt->transcript.note("echo reply\n");
    co_return good("answered");
}

}  // namespace

struct PingSockets::Shared {
    explicit Shared(asio::io_context& owner) : loop(owner) {}

    Result<std::shared_ptr<Door>> door(Family family) {
        auto& door = family == Family::V4 ? v4 : v6;
        if (door) return door;
        auto opened = open_door(loop, family);
        if (!opened) return opened;
        door = *opened;
        asio::co_spawn(loop, read_replies(door), asio::detached);
        return door;
    }

    asio::io_context& loop;
    // Shared with their readers.
    std::shared_ptr<Door> v4;
    std::shared_ptr<Door> v6;
};

PingSockets::PingSockets(asio::io_context& loop) : shared_(std::make_unique<Shared>(loop)) {}

PingSockets::~PingSockets() {
    close(shared_->v4);
    close(shared_->v6);
}

Task<Outcome> PingSockets::ping(Attempt& attempt) {
    const Family family = target_of(attempt.subject()).address.family;
    const auto door = shared_->door(family);
    if (!door) co_return not_made(door.error().message);
    co_return co_await ping_by(*door, &attempt);
}

}  // namespace isobar::health
