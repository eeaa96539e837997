// SPDX-License-Identifier: Apache-2.0
#include "isobard/notifier.h"

#include <fmt/format.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "base/log.h"
#include "base/printable.h"
#include "control/wishes.h"
#include "health/child.h"
#include "health/program_arguments.h"
#include "health/task.h"

namespace isobar::isobard {
namespace {

namespace asio = boost::asio;
using control::Event;

using Subject = std::pair<std::string, std::string>;  // service and server, as events name them

const std::vector<std::string>& command_for(const model::Notify& notify, Event::Kind kind) {
    static const std::vector<std::string> none;
    switch (kind) {
        case Event::Kind::Up:
            return notify.up;
        case Event::Kind::Down:
            return notify.down;
        case Event::Kind::Quorum:
            return notify.quorum_up;
        case Event::Kind::NoQuorum:
            return notify.quorum_down;
        default:
            return none;
    }
}

// "exit code 1: no such table"; empty: it was told.
std::string trouble_of(health::Child& child) {
    const health::Child::End end = child.collect();
    if (!child.trouble().empty()) return child.trouble();
    const std::string_view errors = child.errors();
    const std::string said = printable(errors.substr(0, errors.find('\n')));
    const std::string colon = said.empty() ? "" : ": " + said;
    if (!end.exited) return fmt::format("killed by signal {}{}", end.status, colon);
    return end.status == 0 ? "" : fmt::format("exit code {}{}", end.status, colon);
}

}  // namespace

class Notifier::Desk : public std::enable_shared_from_this<Desk> {
public:
    Desk(asio::io_context& loop, std::chrono::milliseconds limit) : loop_(loop), limit_(limit) {}

    void follow(const model::Config& config) {
        told_.clear();
        for (const model::ServiceConfig& service : config.services) {
            told_.emplace(Subject(service.name, ""), Told{service.notify, {}});
            for (const model::ServerConfig& server : service.servers)
                told_.emplace(Subject(service.name, control::server_text(server.address)),
                              Told{server.notify, service.endpoint_of(server.address)});
        }
    }

    void tell(const Event& event) {
        const Subject subject(event.service, event.server);
        const auto told = told_.find(subject);
        if (told == told_.end() || command_for(told->second.notify, event.kind).empty()) return;
        const auto [at, is_new] = waiting_.try_emplace(subject);
        at->second = Notice{event, told->second};
        if (!is_new) return;  // after the one that runs
        asio::co_spawn(
            loop_, [self = shared_from_this(), subject] { return self->work(subject); },
            asio::detached);
    }

private:
    struct Told {
        model::Notify notify;
        model::Endpoint server;
    };
    struct Notice {
        Event event;
        Told told;
    };

    health::Task<void> work(Subject subject) {
        std::optional<Event::Kind> last;
        while (auto next = std::exchange(waiting_[subject], std::nullopt)) {
            if (last == next->event.kind) continue;  // and back again
            last = next->event.kind;
            const auto trouble = co_await run(*next);
            if (!trouble.empty())
                log::warning(fmt::format("{}: notify {}: {}", next->event.service,
                                         command_for(next->told.notify, *last).front(), trouble));
        }
        waiting_.erase(subject);
    }

    health::Task<std::string> run(Notice notice) {
        const auto& [event, told] = notice;
        const auto user = health::find_user(told.notify.user);
        if (!user) co_return user.error().message;
        auto child = health::Child::start(
            health::fill_in(command_for(told.notify, event.kind), told.server), *user, graveyard_,
            {fmt::format("ISOBAR_EVENT={}", control::name(event.kind)),
             "ISOBAR_SERVICE=" + event.service, "ISOBAR_SERVER=" + event.server,
             "ISOBAR_REASON=" + event.text});
        if (!child) co_return child.error().message;
        const auto events =
            std::make_shared<asio::posix::stream_descriptor>(loop_, child->take_events().release());
        asio::steady_timer limit(loop_, limit_);
        limit.async_wait([events](boost::system::error_code cancelled) {
            if (!cancelled) (void)events->close(cancelled);
        });
        boost::system::error_code failed;
        while (!failed && !child->look(events->native_handle()))
            co_await events->async_wait(asio::posix::stream_descriptor::wait_read,
                                        asio::redirect_error(asio::use_awaitable, failed));
        if (failed) co_return "killed: no end after " + short_duration(limit_);
        co_return trouble_of(*child);
    }

    asio::io_context& loop_;
    std::chrono::milliseconds limit_;
    std::shared_ptr<health::Graveyard> graveyard_ = std::make_shared<health::Graveyard>();
    std::map<Subject, Told> told_;
    std::map<Subject, std::optional<Notice>> waiting_;  // an entry: a program runs
};

Notifier::Notifier(asio::io_context& loop, std::chrono::milliseconds limit)
    : desk_(std::make_shared<Desk>(loop, limit)) {}

void Notifier::follow(const model::Config& config) {
    desk_->follow(config);
}

void Notifier::tell(const Event& event) {
    desk_->tell(event);
}

}  // namespace isobar::isobard
