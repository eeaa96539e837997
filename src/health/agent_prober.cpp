// SPDX-License-Identifier: Apache-2.0
// HAProxy's agent-check: connect, and read a line.
#include <sys/socket.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "base/printable.h"
#include "health/prober.h"
#include "health/socket.h"

namespace isobar::health {
namespace {

constexpr std::size_t kMostAnswer = 512;

Outcome judge(const std::string& answer) {
    auto said = load::parse_agent_answer(answer);
    const std::string line = printable(answer.substr(0, answer.find_first_of("\r\n")));
    if (!said) return bad("agent said '" + line + "'");
    Outcome outcome = good("agent said '" + line + "'");
    outcome.agent = std::move(said);
    return outcome;
}

class AgentProber : public Prober {
public:
    Task<Outcome> probe(Attempt& attempt) override {
        auto socket = Socket::open(attempt, SOCK_STREAM);
        if (!socket) co_return not_made(socket.error().message);
        Io io = co_await socket->connect();
        if (!io.done()) co_return outcome_of(io, attempt, "connection");
        std::string answer;
        std::array<char, kMostAnswer> block;
        while (answer.size() < kMostAnswer && answer.find_first_of("\r\n") == std::string::npos) {
            io = co_await socket->receive(block);
            if (io.kind == Io::Kind::Ended && !answer.empty()) break;
            if (!io.done()) co_return outcome_of(io, attempt);
            answer.append(block.data(), io.bytes);
        }
        co_return judge(answer);
    }
};

}  // namespace

MadeProber make_agent_prober() {
    return std::make_unique<AgentProber>();
}

}  // namespace isobar::health
