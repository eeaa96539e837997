// SPDX-License-Identifier: Apache-2.0
// One datagram; a DNS question is one, too. Without an answer, only an ICMP error says that nobody
// is there: a connected socket is told of it.
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "health/dns_message.h"
#include "health/matcher.h"
#include "health/prober.h"
#include "health/socket.h"

namespace isobar::health {
namespace {

// Of an answer; what is longer is cut off.
constexpr std::size_t kMostAnswer = 4096;
// Datagrams that are no answer to our question, before the server is said to be mad.
constexpr int kMostStrays = 64;

class UdpProber : public Prober {
public:
    UdpProber(model::UdpProbe probe, std::optional<Matcher> expected)
        : probe_(std::move(probe)), expected_(std::move(expected)) {}

    Task<Outcome> probe(Attempt& attempt) override {
        auto socket = Socket::open(attempt, SOCK_DGRAM);
        if (!socket) co_return not_made(socket.error().message);
        Io io = co_await socket->connect();
        if (!io.done()) co_return outcome_of(io, attempt);
        io = co_await socket->send(probe_.send);
        if (!io.done()) co_return outcome_of(io, attempt);

        std::array<char, kMostAnswer> block;
        io = co_await socket->receive(block);
        const bool mute = io.kind == Io::Kind::Late;
        if (mute && !expected_ && !probe_.require_reply) {
            Outcome outcome = good("no ICMP error");
            outcome.answered = false;
            co_return outcome;
        }
        // Ended: an empty datagram
        if (!io.done() && io.kind != Io::Kind::Ended) co_return outcome_of(io, attempt);
        const std::string_view answer(block.data(), io.bytes);
        if (expected_ && expected_->look(answer) != Matcher::Verdict::Yes) {
            co_return bad("another answer");
        }
        co_return good(fmt::format("{} bytes answered", answer.size()));
    }

private:
    model::UdpProbe probe_;
    std::optional<Matcher> expected_;
};

class DnsProber : public Prober {
public:
    explicit DnsProber(model::DnsProbe probe) : probe_(std::move(probe)) {}

    Task<Outcome> probe(Attempt& attempt) override {
        DnsQuestion question{.name = probe_.name, .type = probe_.type};
        if (::getrandom(&question.id, sizeof question.id, GRND_NONBLOCK) < 0) question.id = 1;
        const auto message = write_question(question);
        if (!message) co_return not_made("the name to ask for is none");
        auto socket = Socket::open(attempt, SOCK_DGRAM);
        if (!socket) co_return not_made(socket.error().message);
        Io io = co_await socket->connect();
        if (!io.done()) co_return outcome_of(io, attempt);
        io = co_await socket->send(*message);
        if (!io.done()) co_return outcome_of(io, attempt);

        std::array<char, kMostAnswer> block;
        for (int strays = 0; strays < kMostStrays; ++strays) {
            io = co_await socket->receive(block);
            if (!io.done() && io.kind != Io::Kind::Ended) co_return outcome_of(io, attempt);
            const auto answer = read_answer({block.data(), io.bytes}, question);
            if (answer) co_return judge(*answer);
        }
        co_return bad("no answer to the question");
    }

private:
    [[nodiscard]] Outcome judge(const DnsAnswer& answer) const {
        if (answer.code != 0) return bad(dns_code_name(answer.code));
        if (probe_.require_answer && answer.records == 0) return bad("no record in the answer");
        return good(fmt::format("NOERROR, {} records", answer.records));
    }

    model::DnsProbe probe_;
};

}  // namespace

MadeProber make_udp_prober(const model::UdpProbe& probe) {
    std::optional<Matcher> expected;
    if (probe.expect) {
        auto matcher = Matcher::make(*probe.expect);
        if (!matcher) return tl::unexpected(std::move(matcher.error()));
        expected = *std::move(matcher);
    }
    return std::make_unique<UdpProber>(probe, std::move(expected));
}

MadeProber make_dns_prober(const model::DnsProbe& probe) {
    return std::make_unique<DnsProber>(probe);
}

}  // namespace isobar::health
