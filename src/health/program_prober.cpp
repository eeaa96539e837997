// SPDX-License-Identifier: Apache-2.0
// A program decides. One that dies or hangs has not said yes, whatever it was to print.
#include <fmt/format.h>

#include <boost/asio/awaitable.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "health/child.h"
#include "health/prober.h"
#include "health/program_arguments.h"
#include "health/socket.h"

namespace isobar::health {
namespace {

// keepalived's misc_dynamic: exit code 2 is weight 0.
constexpr int kFirstWeight = 2;

std::string first_line(std::string_view text) {
    return printable(text.substr(0, std::min<std::size_t>(text.find('\n'), 80)));
}

class ProgramProber : public Prober {
public:
    ProgramProber(model::ProgramProbe probe, std::vector<std::string> command, User user)
        : probe_(std::move(probe)), command_(std::move(command)), user_(user) {}

    Task<Outcome> probe(Attempt& attempt) override {
        for (const std::string& argument : command_) attempt.transcript.note(argument + "\n");
        auto child = Child::start(command_, user_, attempt.around().graveyard);
        if (!child) co_return not_made(child.error().message);
        auto events = Socket::adopt(attempt, child->take_events());
        if (!events) co_return not_made(events.error().message);
        Io io;
        while (io.done() && !child->look(events->get())) io = co_await events->readable();
        if (!io.done()) {
            attempt.transcript.received(child->output());
            co_return outcome_of(io, attempt, "result");
        }
        const Child::End end = child->collect();
        attempt.transcript.received(child->output());
        attempt.transcript.received(child->errors());
        if (!child->trouble().empty()) {
            co_return not_made(command_.front() + ": " + child->trouble());
        }
        co_return judge(end, child->output(), child->errors());
    }

private:
    [[nodiscard]] Outcome judge(Child::End end, std::string_view output,
                                std::string_view errors) const {
        if (!end.exited) {
            const char* name = ::sigabbrev_np(end.status);
            return bad(fmt::format("killed by SIG{}", name == nullptr ? "?" : name));
        }
        if (probe_.expect) {
            if (output.ends_with('\n')) output.remove_suffix(1);
            if (output == *probe_.expect) return good("expected output");
            return bad(fmt::format("output '{}', wanted '{}'", first_line(output),
                                   first_line(*probe_.expect)));
        }
        const std::string code = fmt::format("exit code {}", end.status);
        if (probe_.prints_load && end.status == 0) return judge_load(output);
        if (end.status == 0) return good(code);
        if (probe_.sets_weight && end.status >= kFirstWeight) {
            Outcome outcome = good(code);
            outcome.weight = static_cast<std::uint32_t>(end.status - kFirstWeight);
            return outcome;
        }
        return bad(errors.empty() ? code : code + ": " + first_line(errors));
    }

    static Outcome judge_load(std::string_view output) {
        const auto load = load::parse_load_average(output);
        if (!load) return bad(fmt::format("no load in '{}'", first_line(output)));
        Outcome outcome = good(fmt::format("load {:.2f}", *load));
        outcome.load = load;
        return outcome;
    }

    model::ProgramProbe probe_;
    std::vector<std::string> command_;
    User user_;
};

}  // namespace

MadeProber make_program_prober(const Subject& subject, const model::ProgramProbe& probe) {
    if (probe.command.empty()) return failure(Fault::Invalid, "no program is named");
    const auto user = find_user(probe.user);
    if (!user) return tl::unexpected(user.error());
    const model::Endpoint server{
        subject.check.address.value_or(subject.server.address),
        subject.check.port != 0 ? subject.check.port : subject.server.port};
    return std::make_unique<ProgramProber>(probe, fill_in(probe.command, server), *user);
}

}  // namespace isobar::health
