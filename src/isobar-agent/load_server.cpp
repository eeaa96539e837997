// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/load_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/fd.h"
#include "base/log.h"
#include "health/child.h"
#include "isobar-agent/load_report.h"
#include "isobar-agent/wake.h"
#include "load/reading.h"
#include "model/socket_address.h"

namespace isobar::agent {
namespace {

using Clock = std::chrono::steady_clock;

// An answer is good for so long, however many ask: a program is not run more often.
constexpr std::chrono::milliseconds kLasts{500};
constexpr std::chrono::seconds kProgramTakes{2};
constexpr int kWaiting = 64;

std::string text_of(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<double> busy_by(Busy what) {
    switch (what) {
        case Busy::Load:
            return busy_by_load(text_of("/proc/loadavg"), std::thread::hardware_concurrency());
        case Busy::Pressure:
            return busy_by_pressure(text_of("/proc/pressure/cpu"));
        case Busy::Memory:
            return busy_by_memory(text_of("/proc/meminfo"));
    }
    return std::nullopt;
}

// The first line that a program prints. Empty: it did not end well, or said nothing an agent says.
std::string line_of(const std::vector<std::string>& program) {
    static const auto graveyard = std::make_shared<health::Graveyard>();
    auto child = health::Child::start(program, {::geteuid(), ::getegid()}, graveyard);
    if (!child) return {};
    const Fd events = child->take_events();
    const auto until = Clock::now() + kProgramTakes;
    while (!child->look(events.get())) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
        pollfd ready{events.get(), POLLIN, 0};
        if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) == 0) return {};
    }
    const auto end = child->collect();
    const std::string& output = child->output();
    if (!end.exited || end.status != 0 || !load::parse_agent_answer(output)) return {};
    return output.substr(0, output.find('\n')) + '\n';
}

class LoadServer {
public:
    explicit LoadServer(const LoadCommand& command) : command_(command) {}

    // What this host says now. Empty: nothing is known, and nothing is said, which an agent's
    // client takes for no change.
    const std::string& line() {
        if (Clock::now() < until_) return line_;
        line_ = command_.program.empty() ? own_line() : line_of(command_.program);
        if (line_.empty() && !complained_)
            log::warning("nothing is known of the load of this host, so nothing is said");
        complained_ = line_.empty();
        until_ = Clock::now() + kLasts;
        return line_;
    }

private:
    [[nodiscard]] std::string own_line() const {
        double busiest = 0;
        for (const Busy what : command_.by) {
            const auto busy = busy_by(what);
            if (!busy) return {};
            busiest = std::max(busiest, *busy);
        }
        return agent_line(busiest);
    }

    const LoadCommand& command_;
    std::string line_;
    Clock::time_point until_;
    bool complained_ = false;
};

Result<Fd> listen_at(const model::Endpoint& place) {
    const auto address = model::to_socket_address(place);
    Fd socket(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return system_failure("socket", errno);
    const int yes = 1, no = 0;
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (place.address.family == model::Family::V6)  // :: is for clients of IPv4, too
        (void)::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (::bind(socket.get(), address.get(), address.length) != 0 ||
        ::listen(socket.get(), kWaiting) != 0)
        return system_failure("listen at " + place.text(), errno);
    return socket;
}

// What the client has said is read: with it unread, the kernel would end the connection by a reset,
// which overtakes the line.
void answer(const Fd& client, const std::string& line) {
    if (!line.empty()) (void)::send(client.get(), line.data(), line.size(), MSG_NOSIGNAL);
    (void)::shutdown(client.get(), SHUT_WR);
    std::array<char, 1024> block;
    (void)::recv(client.get(), block.data(), block.size(), MSG_DONTWAIT);
}

}  // namespace

Result<void> serve_load(const LoadCommand& command) {
    auto signals = open_signals();
    if (!signals) return tl::unexpected(std::move(signals.error()));
    const auto listening = listen_at(command.listen);
    if (!listening) return tl::unexpected(listening.error());
    LoadServer server(command);
    ::sd_notify(0, "READY=1");
    log::info(fmt::format("isobar-agent load is ready at {}", command.listen.text()));
    for (;;) {
        std::array<pollfd, 2> ready{pollfd{signals->get(), POLLIN, 0},
                                    pollfd{listening->get(), POLLIN, 0}};
        if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR)
            return system_failure("poll", errno);
        if (ready[0].revents != 0) return {};
        const Fd client(
            ::accept4(listening->get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (client.valid()) answer(client, server.line());
    }
}

}  // namespace isobar::agent
