// SPDX-License-Identifier: Apache-2.0
#include "isobar/trace_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "api/connections.h"
#include "api/query.h"
#include "api/status.h"
#include "api/version.h"
#include "base/printable.h"
#include "base/text.h"
#include "config/suggest.h"
#include "dataplane/trace.h"
#include "dataplane/verdicts.h"
#include "isobar/asked.h"
#include "isobar/pcapng.h"
#include "isobar/trace_text.h"

namespace isobar::cli {
namespace {

constexpr std::chrono::milliseconds kEvery{250};
constexpr std::chrono::seconds kLookAround{1};
constexpr std::size_t kMostBytes = 256;  // of a packet, as the data plane's trace keeps them

// Ctrl-C ends a trace in order.
volatile std::sig_atomic_t ended = 0;

void end_it(int /*signal*/) {
    ended = 1;
}

void take_signals() {
    struct sigaction action{};
    action.sa_handler = end_it;  // without SA_RESTART: a wait comes back
    for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

Result<std::uint64_t> read_verdicts(const Given& given) {
    if (given.drops && (given.all || !given.verdict.empty()))
        return failure(Fault::Invalid, "--drops and --all or --verdict: one of them");
    if (given.drops) return dataplane::lost_verdicts();
    if (given.all) return dataplane::all_verdicts();
    if (given.verdict.empty()) return dataplane::usual_verdicts();
    std::uint64_t set = 0;
    for (const std::string_view name : split(given.verdict, ',')) {
        const auto number = dataplane::verdict_named(name);
        if (!number) {
            std::vector<std::string> known;
            for (const auto& each : dataplane::verdicts()) known.push_back(each.name);
            const std::string hint = config::suggestion(std::string(name), known);
            return failure(Fault::Invalid, fmt::format("verdict: unknown '{}'{}{}", name,
                                                       hint.empty() ? "" : "; ", hint));
        }
        set |= std::uint64_t{1} << *number;
    }
    return set;
}

// As 'isobar conns' reads them: what is wrong with them is the same.
Result<model::TraceWish> read_wish(const Given& given) {
    api::Query query;
    for (const auto& [name, value] :
         {std::pair("server", &given.server), std::pair("client", &given.client),
          std::pair("protocol", &given.protocol)})
        if (!value->empty()) query.emplace(name, *value);
    auto read = api::ConnectionQuery::parse(query);
    if (!read) return tl::unexpected(std::move(read.error()));
    model::TraceWish wish;
    wish.client = read->client;
    wish.server = read->server;
    wish.protocol = read->protocol;
    if (!given.port.empty()) {
        wish.port = parse_unsigned<model::Port>(given.port);
        if (wish.port.value_or(0) == 0)
            return failure(Fault::Invalid, fmt::format("port: not '{}'", given.port));
    }
    auto verdicts = read_verdicts(given);
    if (!verdicts) return tl::unexpected(std::move(verdicts.error()));
    wish.verdicts = *verdicts;
    return wish;
}

// Its virtual addresses and ports. An error has been told: the exit code.
tl::expected<std::vector<model::ServiceKey>, int> services_of(const TraceCommand& command) {
    std::vector<model::ServiceKey> keys;
    const auto failed = [](int code, const std::string& why) {
        fmt::print(stderr, "isobar: {}\n", why);
        return tl::unexpected(code);
    };
    if (const auto endpoint = model::Endpoint::parse(command.service)) {
        for (const auto protocol :
             {model::Protocol::Tcp, model::Protocol::Udp, model::Protocol::Sctp})
            keys.push_back({protocol, *endpoint});
        return keys;
    }
    const auto answer = asked(command, "/api/v1/status");
    if (!answer) return tl::unexpected(answer.error());
    const auto status = api::parse_status(*answer);
    if (!status) return tl::unexpected(not_understood(status.error()));
    for (const api::ServiceView& service : status->services)
        if (service.name == command.service) keys.push_back(service.status.key);
    if (keys.empty())
        return failed(kNotFound,
                      fmt::format("there is no service '{}'", printable(command.service)));
    if (std::ranges::any_of(keys, [](const auto& key) { return key.mark != 0; }))
        return failed(kFailed, fmt::format("the service '{}' goes by firewall mark: say --client, "
                                           "--server or --port",
                                           printable(command.service)));
    return keys;
}

// What becomes of the packets: lines on stdout, or a file.
class Sink {
public:
    explicit Sink(const TraceCommand& command) : command_(command) {}

    Result<void> open() {
        if (command_.file.empty()) return {};
        file_.reset(std::fopen(command_.file.c_str(), "we"));
        if (!file_) return system_failure(command_.file, errno);
        return write(pcapng_.head());
    }

    Result<void> put(const model::TracedPacket& packet) {
        ++count_;
        if (file_)
            return write(
                pcapng_.blocks({packet.interface, packet.at, packet.came.length, packet.came.bytes,
                                packet.hook == model::TracedPacket::Hook::Egress,
                                "isobar: " + trace_comment(packet)}));
        fmt::print("{}", command_.json ? trace_json(packet) + "\n" : trace_text(packet, colours_));
        return {};
    }

    // Somebody may be reading along.
    Result<void> flush() {
        if (std::fflush(file_ ? file_.get() : stdout) == 0) return {};
        return system_failure(file_ ? command_.file : "stdout", errno);
    }

    [[nodiscard]] std::size_t count() const { return count_; }
    [[nodiscard]] bool is_full() const { return command_.count != 0 && count_ >= command_.count; }

private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    Result<void> write(const std::string& text) {
        if (std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size()) return {};
        return system_failure(command_.file, errno);
    }

    const TraceCommand& command_;
    Colours colours_ = wanted_colours();
    std::unique_ptr<std::FILE, Close> file_;
    Pcapng pcapng_{fmt::format("isobar {}", api::kVersion), kMostBytes};
    std::size_t count_ = 0;
};

int failed(const Error& error) {
    fmt::print(stderr, "isobar: {}\n", error.message);
    if (error.fault == Fault::Permission) return kPermission;
    return error.fault == Fault::NotFound ? kNotFound : kFailed;
}

// To Ctrl-C, to the last packet that was asked for, or to what goes wrong.
Result<void> copy(dataplane::Trace& trace, Sink& sink) {
    auto looked = std::chrono::steady_clock::now();
    Result<void> put;
    while (ended == 0 && !sink.is_full()) {
        auto read = trace.read(kEvery, [&](const model::TracedPacket& packet) {
            put = sink.put(packet);
            return put.has_value() && !sink.is_full() && ended == 0;
        });
        if (!put) return put;
        if (!read) return read;
        if (auto flushed = sink.flush(); !flushed) return flushed;
        const auto now = std::chrono::steady_clock::now();
        if (now - looked < kLookAround) continue;
        looked = now;
        if (auto followed = trace.follow(); !followed) return followed;
    }
    return {};
}

}  // namespace

const char kTraceUsage[] = R"(Usage: isobar trace [OPTION...]

Shows packets as the data plane of this host sees them, live, a line each: when (UTC) and where it came,
what it is, the verdict and what that means, what it became and where it was sent. Needs root. Costs
nothing while it does not run. All that is said must hold of a packet, as it came or as it went:

      --service NAME|ADDRESS:PORT
                   of this service of the configuration; or for this virtual address
      --server ADDRESS[:PORT], --client ADDRESS[/LENGTH]
                   to or from this server; this client or network
      --port N, --protocol tcp|udp|sctp
                   at either end; of this protocol
      --verdict NAME[,NAME...]
                   that ended so, forwarded or no_server for one (isobar status -j counts all)
      --drops      only those that were dropped or refused
      --all        also those that belong to no service, and those that XDP left to tc
      --count N    ends after so many
      --write FILE as pcapng, for Wireshark and tshark, the verdict as comment; no lines
  -j, --json       a packet a line
      --socket PATH
                   where isobard listens (default /run/isobar/isobar.sock), for names
  -h, --help       this text

  isobar trace --client 10.0.0.100 --service web
  isobar trace --drops --count 10
)";

Result<TraceCommand> make_trace(const Given& given, std::string_view /*name*/, Words /*words*/) {
    auto wish = read_wish(given);
    if (!wish) return tl::unexpected(std::move(wish.error()));
    TraceCommand command{given.asking(), std::move(*wish), given.service, 0, given.write};
    if (given.count.empty()) return command;
    command.count = parse_unsigned<std::size_t>(given.count).value_or(0);
    if (command.count == 0)
        return failure(Fault::Invalid, fmt::format("count: not '{}'", given.count));
    return command;
}

int run(const TraceCommand& command) {
    auto wish = command.wish;
    if (!command.service.empty()) {
        auto services = services_of(command);
        if (!services) return services.error();
        wish.services = std::move(*services);
    }
    Sink sink(command);
    take_signals();
    auto trace = dataplane::Trace::open(wish);
    if (!trace) return failed(trace.error());
    if (auto opened = sink.open(); !opened) return failed(opened.error());
    fmt::print(stderr, "Tracing; Ctrl-C ends it.\n");
    const auto copied = copy(*trace, sink);
    const auto flushed = sink.flush();
    fmt::print(stderr, "{} packets{}\n", sink.count(),
               trace->lost() == 0
                   ? ""
                   : fmt::format(", and {} more that came too fast to be shown", trace->lost()));
    if (!copied) return failed(copied.error());
    return flushed ? kOk : failed(flushed.error());
}

}  // namespace isobar::cli
