// SPDX-License-Identifier: Apache-2.0
// RFC 5321: greeting 220, HELO answered by 250, QUIT.
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/printable.h"
#include "health/prober.h"
#include "health/smtp_reply.h"
#include "health/socket.h"

namespace isobar::health {
namespace {

class SmtpProber : public Prober {
public:
    explicit SmtpProber(std::string hello) : hello_(std::move(hello)) {}

    Task<Outcome> probe(Attempt& attempt) override {
        auto socket = Socket::open(attempt, SOCK_STREAM);
        if (!socket) co_return not_made(socket.error().message);
        const Io io = co_await socket->connect();
        if (!io.done()) co_return outcome_of(io, attempt, "connection");

        Outcome outcome = co_await hear(attempt, *socket, 220, "greeting");
        if (outcome.kind != Outcome::Kind::Good) co_return outcome;
        const Io sent = co_await socket->send(hello_);
        if (!sent.done()) co_return outcome_of(sent, attempt);
        outcome = co_await hear(attempt, *socket, 250, "answer to HELO");
        if (outcome.kind != Outcome::Kind::Good) co_return outcome;
        // Out of politeness: a server that logs aborted sessions has none to log.
        co_await socket->send("QUIT\r\n");
        co_return outcome;
    }

private:
    // What comes after a reply is thrown away: nothing may, until we speak.
    static Task<Outcome> hear(Attempt& attempt, Socket& socket, unsigned wanted,
                              std::string_view what) {
        SmtpReply reply;
        auto verdict = SmtpReply::Verdict::More;
        std::array<char, 1024> block;
        while (verdict == SmtpReply::Verdict::More) {
            const Io io = co_await socket.receive(block);
            if (!io.done()) co_return outcome_of(io, attempt, what);
            std::string_view bytes(block.data(), io.bytes);
            verdict = reply.feed(bytes);
        }
        if (verdict == SmtpReply::Verdict::Broken) co_return bad("no SMTP reply");
        const std::string text = fmt::format("{} {}", reply.code(), printable(reply.text()));
        if (reply.code() != wanted) co_return bad(fmt::format("{}, wanted {}", text, wanted));
        co_return good(text);
    }

    std::string hello_;
};

}  // namespace

MadeProber make_smtp_prober(const model::SmtpProbe& probe) {
    const bool formed =
        !probe.helo.empty() && std::all_of(probe.helo.begin(), probe.helo.end(),
                                           [](char byte) { return byte > ' ' && byte < 0x7f; });
    if (!formed) return failure(Fault::Invalid, "the name for HELO is none");
    return std::make_unique<SmtpProber>("HELO " + probe.helo + "\r\n");
}

}  // namespace isobar::health
