// SPDX-License-Identifier: Apache-2.0
#include "isobar/drain_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include "api/status.h"
#include "base/duration.h"
#include "base/printable.h"
#include "control/wishes.h"
#include "isobar/asked.h"
#include "isobar/countdown.h"
#include "isobar/wish_command.h"

namespace isobar::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kEach{1};
constexpr std::chrono::seconds kEachLine{10};  // where nobody sees a bar
constexpr std::size_t kBar = 20;

// How a server stands, and the connections that it has.
struct Draining {
    api::ServerStanding standing;
    std::uint64_t active = 0, inactive = 0;
    [[nodiscard]] std::uint64_t left() const { return active + inactive; }
};

std::optional<Draining> find(const api::Status& status, const api::WishRequest& request) {
    const auto service =
        std::ranges::find(status.services, request.service, &api::ServiceView::name);
    if (service == status.services.end()) return std::nullopt;
    const auto is_meant = [&](const model::Endpoint& address) {
        return address.address == request.server.address &&
               (request.server.port == 0 || request.server.port == address.port);
    };
    const auto standing = std::ranges::find_if(
        service->standings, [&](const auto& each) { return is_meant(each.address); });
    if (standing == service->standings.end()) return std::nullopt;
    Draining draining{*standing};
    for (const model::ServerStatus& server : service->status.servers) {
        if (!is_meant(server.server.address)) continue;
        draining.active = server.active;
        draining.inactive = server.inactive;
    }
    return draining;
}

std::string progress(const Draining& draining, const Countdown& countdown) {
    const auto rest = countdown.rest();
    return fmt::format("{} of {} connections left, {} active{}", countdown.left(), countdown.most(),
                       draining.active,
                       rest ? fmt::format(", about {} more", short_duration(*rest)) : "");
}

// A bar that is drawn again and again, or now and then a line.
class Progress {
public:
    void show(const Draining& draining, const Countdown& countdown) {
        const auto now = Clock::now();
        if (bar_) {
            fmt::print(stderr, "\r\x1b[K{} {}", countdown.bar(kBar), progress(draining, countdown));
            std::fflush(stderr);
        } else if (now >= next_line_) {
            fmt::print(stderr, "{}\n", progress(draining, countdown));
            next_line_ = now + kEachLine;
        }
    }
    void end() const {
        if (bar_) fmt::print(stderr, "\r\x1b[K");
    }

private:
    bool bar_ = ::isatty(STDERR_FILENO) != 0;
    Clock::time_point next_line_;
};

int end_of(const Progress& progress, const std::string& words, int code) {
    progress.end();
    fmt::print(stderr, "{}\n", words);
    return code;
}

int wait_for(const DrainCommand& command) {
    const auto begun = Clock::now();
    Countdown countdown;
    Progress progress;
    for (;;) {
        const auto answer = asked(command, "/api/v1/status");
        if (!answer) return answer.error();
        const auto status = api::parse_status(*answer);
        if (!status) return not_understood(status.error());
        const auto draining = find(*status, command.request);
        if (!draining) return end_of(progress, "it is in no configuration any more", kNotFound);
        if (draining->standing.weight.value_or(0) != 0)
            return end_of(progress, "not drained any more: " + printable(draining->standing.reason),
                          kFailed);
        countdown.add(Clock::now(), draining->left());
        if (!draining->standing.weight || draining->left() == 0)
            return end_of(progress, "drained", kOk);
        const bool waits = command.request.afterwards == control::Afterwards::Wait;
        if (waits && command.request.within && Clock::now() - begun >= *command.request.within)
            return end_of(progress, fmt::format("{} connections are left", draining->left()),
                          kTimeout);
        progress.show(*draining, countdown);
        std::this_thread::sleep_for(kEach);
    }
}

}  // namespace

const char kDrainUsage[] =
    R"(Usage: isobar drain SERVICE SERVER [--by TIME [--then THEN]] [--wait] [--why TEXT]

The server gets no new connections; those that it has go on. That holds until 'isobar enable', over
restarts and changes of the configuration, and wins over checks. 'isobar status' shows it.

      --by TIME    what is left then ("10m") does what --then says:
      --then wait    goes on (the default)
      --then expire  is given up: the server leaves its service, packets for it are dropped
      --then reset   is ended: the server leaves its service; with their next packet, clients over
                   TCP are told (reset), those over UDP get another server
      --wait       waits until no connection is left, or the time is up, and shows how it goes
      --why TEXT   a word for your colleagues
  -j, --json       what became of it, as in 'configured' of 'isobar status -j'
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock)
  -h, --help       this text

Exit code 7: --wait, and the time was up with connections left.

  isobar drain web 192.168.10.100 --by 10m --then reset --wait --why "new disk"
)";

Result<DrainCommand> make_drain(const Given& given, std::string_view /*name*/, Words words) {
    const auto server = control::parse_server(words[1]);
    if (!server) return tl::unexpected(server.error());
    DrainCommand command{given.asking(), {}, given.wait};
    api::WishRequest& request = command.request;
    request.service = words[0];
    request.server = *server;
    request.wish = control::Wish::Drain;
    request.why = given.why;
    if (given.by.empty() && !given.then.empty())
        return failure(Fault::Invalid, "--then: when? --by 10m, for instance");
    if (!given.by.empty()) {
        const auto time = parse_duration(given.by);
        if (!time || *time < std::chrono::seconds(1) || *time > api::kLongestDrain)
            return failure(Fault::Invalid, fmt::format("--by {}: a time as \"90s\" or \"10m\", 1s "
                                                       "to 31d",
                                                       printable(given.by)));
        request.within = std::chrono::ceil<std::chrono::seconds>(*time);
    }
    if (given.then.empty()) return command;
    const auto afterwards = control::afterwards_named(given.then);
    if (!afterwards)
        return failure(Fault::Invalid,
                       fmt::format("--then {}: wait, expire or reset", printable(given.then)));
    request.afterwards = *afterwards;
    return command;
}

int run(const DrainCommand& command) {
    const int said = post_wish(command, command.request);
    return said == kOk && command.wait ? wait_for(command) : said;
}

}  // namespace isobar::cli
