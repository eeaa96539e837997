// SPDX-License-Identifier: Apache-2.0
// Send, then read until what was expected is there or cannot come any more: nanny's send/expect.
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "health/matcher.h"
#include "health/prober.h"
#include "health/socket.h"

namespace isobar::health {
namespace {

// Of an answer (nanny: 255). A regular expression is asked again with each part that comes.
constexpr std::size_t kMostAnswer = 4096;

class TalkProber : public Prober {
public:
    TalkProber(std::string send, std::optional<Matcher> expected)
        : send_(std::move(send)), expected_(std::move(expected)) {}

    Task<Outcome> probe(Attempt& attempt) override {
        auto socket = Socket::open(attempt, SOCK_STREAM);
        if (!socket) co_return not_made(socket.error().message);
        Io io = co_await socket->connect();
        if (!io.done()) co_return outcome_of(io, attempt, "connection");
        if (!send_.empty()) io = co_await socket->send(send_);
        if (!io.done()) co_return outcome_of(io, attempt);
        if (!expected_) co_return good(send_.empty() ? "connected" : "sent");

        std::string answer;
        std::array<char, 1024> block;
        while (answer.size() < kMostAnswer) {
            io = co_await socket->receive(block);
            if (io.kind == Io::Kind::Ended && !answer.empty()) co_return bad("another answer");
            if (!io.done()) co_return outcome_of(io, attempt, "expected answer");
            answer.append(block.data(), io.bytes);
            const auto verdict = expected_->look(answer);
            if (verdict == Matcher::Verdict::Yes) co_return good("expected answer");
            if (verdict == Matcher::Verdict::No) co_return bad("another answer");
        }
        co_return bad(fmt::format("another answer, in its first {} bytes", answer.size()));
    }

private:
    std::string send_;
    std::optional<Matcher> expected_;
};

}  // namespace

MadeProber make_talk_prober(const model::TalkProbe& probe) {
    std::optional<Matcher> expected;
    if (probe.expect) {
        auto matcher = Matcher::make(*probe.expect);
        if (!matcher) return tl::unexpected(std::move(matcher.error()));
        expected = *std::move(matcher);
    }
    return std::make_unique<TalkProber>(probe.send, std::move(expected));
}

}  // namespace isobar::health
