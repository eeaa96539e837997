// SPDX-License-Identifier: Apache-2.0
// One request, by HTTP/1.0 or 1.1, with or without TLS.
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <cctype>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "health/digest.h"
#include "health/http_answer.h"
#include "health/http_request.h"
#include "health/matcher.h"
#include "health/prober.h"
#include "health/socket.h"
#include "health/tls.h"

namespace isobar::health {
namespace {

// Bytes to and from the server, in the clear or not.
struct Channel {
    Socket socket;
    std::optional<TlsSession> tls{};

    Task<Io> send(const HttpRequest& request) {
        return tls ? tls->send(request.text, request.shown)
                   : socket.send(request.text, request.shown);
    }
    Task<Io> receive(std::span<char> into) {
        return tls ? tls->receive(into) : socket.receive(into);
    }
    [[nodiscard]] Outcome outcome(const Io& io, const Attempt& attempt) const {
        return tls ? outcome_of(io, *tls, attempt) : outcome_of(io, attempt);
    }
};

// What is looked at of a body, as it comes in.
struct Body {
    bool kept = false;
    std::string bytes{};
    std::optional<Digest> digest{};

    void add(std::string_view part) {
        if (kept) bytes.append(part);
        if (digest) digest->add(part);
    }
};

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    return text;
}

class HttpProber : public Prober {
public:
    HttpProber(model::HttpProbe probe, HttpRequest request, std::optional<Regex> regex)
        : probe_(std::move(probe)), request_(std::move(request)), regex_(std::move(regex)) {}

    Task<Outcome> probe(Attempt& attempt) override {
        auto socket = Socket::open(attempt, SOCK_STREAM);
        if (!socket) co_return not_made(socket.error().message);
        Channel channel{*std::move(socket)};
        Io io = co_await channel.socket.connect();
        if (!io.done()) co_return outcome_of(io, attempt, "connection");
        std::string warning;
        if (probe_.tls) {
            auto session = TlsSession::make(attempt, channel.socket, *probe_.tls);
            if (!session) co_return not_made(session.error().message);
            channel.tls = *std::move(session);
            io = co_await channel.tls->handshake();
            if (!io.done()) co_return channel.outcome(io, attempt);
            warning =
                channel.tls->warning(std::chrono::system_clock::now(), probe_.tls->expiry_warning);
        }
        Outcome outcome = co_await ask(attempt, channel);
        outcome.warning = std::move(warning);
        co_return outcome;
    }

private:
    Task<Outcome> ask(Attempt& attempt, Channel& channel) {
        Io io = co_await channel.send(request_);
        if (!io.done()) co_return channel.outcome(io, attempt);

        Body body{.kept = regex_ || (probe_.load && probe_.load->header.empty())};
        if (!probe_.digest.empty()) {
            auto digest = Digest::make(probe_.digest.size());
            if (!digest) co_return not_made(digest.error().message);
            body.digest = *std::move(digest);
        }
        HttpAnswer answer({.most_bytes = probe_.most_bytes,
                           .no_body = probe_.method == "HEAD",
                           .body = [&body](std::string_view part) { body.add(part); },
                           .field = probe_.load ? lower(probe_.load->header) : ""});
        auto verdict = HttpAnswer::Verdict::More;
        std::array<char, 4096> block;
        while (verdict == HttpAnswer::Verdict::More) {
            io = co_await channel.receive(block);
            if (io.done()) {
                verdict = answer.feed({block.data(), io.bytes});
            } else if (io.kind == Io::Kind::Ended) {
                verdict = answer.end();
            } else {
                co_return channel.outcome(io, attempt);
            }
        }
        if (verdict == HttpAnswer::Verdict::Broken) co_return bad(answer.trouble());
        co_return judge(answer, body);
    }

    [[nodiscard]] Outcome judge(const HttpAnswer& answer, Body& body) const {
        const unsigned status = answer.status();
        const bool wanted = std::any_of(
            probe_.status.begin(), probe_.status.end(),
            [&](const auto& range) { return range.first <= status && status <= range.last; });
        if (!wanted) return bad(fmt::format("status {}, wanted {}", status, wanted_status()));
        if (regex_ && regex_->found_in(body.bytes) == probe_.body_absent) {
            return bad(fmt::format("body {} '{}'",
                                   probe_.body_absent ? "matches" : "does not match", probe_.body));
        }
        if (body.digest) {
            const std::string digest = body.digest->hexadecimal();
            if (digest != lower(probe_.digest)) {
                return bad(fmt::format("digest {}, wanted {}", digest, lower(probe_.digest)));
            }
        }
        if (probe_.load) return judge_load(*probe_.load, answer, body);
        return good(fmt::format("status {}", status));
    }

    static Outcome judge_load(const model::LoadPlace& place, const HttpAnswer& answer,
                              const Body& body) {
        const auto& [header, field] = place;
        const auto load = !header.empty()  ? load::parse_load(answer.field())
                          : !field.empty() ? load::parse_json_field(body.bytes, field)
                                           : load::parse_load(body.bytes);
        if (!load)
            return bad(!header.empty()  ? fmt::format("no load in the header {}", header)
                       : !field.empty() ? fmt::format("no load in the field {}", field)
                                        : std::string("the body is no load"));
        Outcome outcome = good(fmt::format("load {:.2f}", *load));
        outcome.load = load;
        return outcome;
    }

    [[nodiscard]] std::string wanted_status() const {
        std::string text;
        for (const auto& range : probe_.status) {
            if (!text.empty()) text += ", ";
            text += range.first == range.last ? fmt::format("{}", range.first)
                                              : fmt::format("{}-{}", range.first, range.last);
        }
        return text;
    }

    model::HttpProbe probe_;
    HttpRequest request_;
    std::optional<Regex> regex_;
};

}  // namespace

MadeProber make_http_prober(const Subject& subject, const model::HttpProbe& probe) {
    auto request = write_request(probe, target_of(subject));
    if (!request) return tl::unexpected(std::move(request.error()));
    std::optional<Regex> regex;
    if (!probe.body.empty()) {
        auto compiled = Regex::make(probe.body);
        if (!compiled) return tl::unexpected(std::move(compiled.error()));
        regex = *std::move(compiled);
    }
    return std::make_unique<HttpProber>(probe, *std::move(request), std::move(regex));
}

}  // namespace isobar::health
