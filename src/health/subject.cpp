// SPDX-License-Identifier: Apache-2.0
#include "health/subject.h"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

namespace isobar::health {
namespace {

// FNV-1a over all fields, each with its length, so that no two rows of fields look alike.
class Fingerprint {
public:
    void add(std::string_view text) {
        add(text.size());
        for (const char byte : text) mix(static_cast<std::uint8_t>(byte));
    }
    template <typename Number>
        requires std::is_integral_v<Number> || std::is_enum_v<Number>
    void add(Number number) {
        const auto value = static_cast<std::uint64_t>(number);
        for (unsigned shift = 0; shift < 64; shift += 8) {
            mix(static_cast<std::uint8_t>(value >> shift));
        }
    }
    template <typename Value>
    void add(const std::optional<Value>& value) {
        add(value.has_value());
        if (value) add(*value);
    }
    void add(const model::Address& address) { add(address.text()); }
    void add(const model::Endpoint& endpoint) { add(endpoint.text()); }
    void add(const model::Expectation& expectation) {
        add(expectation.text);
        add(expectation.match);
    }
    void add(const model::TcpProbe& /*probe*/) {}
    void add(const model::PingProbe& /*probe*/) {}
    void add(const model::AgentProbe& /*probe*/) {}
    void add(const model::LoadPlace& place) {
        add(place.header);
        add(place.field);
    }
    void add(const model::TlsProbe& probe) {
        add(probe.verify);
        add(probe.server_name);
        add(probe.ca_file);
        add(probe.expiry_warning.count());
    }
    void add(const model::HttpProbe& probe) {
        add(probe.tls);
        add(probe.method);
        add(probe.path);
        add(probe.host);
        add(probe.http_1_0);
        add(probe.headers.size());
        for (const auto& [name, value] : probe.headers) {
            add(name);
            add(value);
        }
        add(probe.status.size());
        for (const auto& range : probe.status) {
            add(range.first);
            add(range.last);
        }
        add(probe.body);
        add(probe.body_absent);
        add(probe.digest);
        add(probe.most_bytes);
        if (probe.load) add(*probe.load);
    }
    void add(const model::TalkProbe& probe) {
        add(probe.send);
        add(probe.expect);
    }
    void add(const model::UdpProbe& probe) {
        add(probe.send);
        add(probe.expect);
        add(probe.require_reply);
    }
    void add(const model::DnsProbe& probe) {
        add(probe.name);
        add(probe.type);
        add(probe.require_answer);
    }
    void add(const model::SmtpProbe& probe) { add(probe.helo); }
    void add(const model::ProgramProbe& probe) {
        add(probe.command.size());
        for (const auto& argument : probe.command) add(argument);
        add(probe.expect);
        add(probe.sets_weight);
        add(probe.user);
        if (probe.prints_load) add(probe.prints_load);
    }
    [[nodiscard]] std::uint64_t value() const { return value_; }

private:
    void mix(std::uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3; }

    std::uint64_t value_ = 0xcbf29ce484222325;
};

std::uint64_t digest_of(const Subject& subject) {
    const model::Check& check = subject.check;
    Fingerprint digest;
    std::visit([&](const auto& probe) { digest.add(probe); }, check.probe);
    digest.add(check.interval.count());
    digest.add(check.timeout.count());
    digest.add(check.rise);
    digest.add(check.fall);
    digest.add(check.retries);
    digest.add(check.retry_delay.count());
    digest.add(check.reentry.count());
    digest.add(check.begins_up);
    digest.add(check.address);
    digest.add(check.port);
    digest.add(check.through_service);
    digest.add(subject.through);
    if (subject.mark != 0) digest.add(subject.mark);
    return digest.value();
}

std::size_t hash_of(const model::Endpoint& endpoint) {
    std::size_t hash = endpoint.port;
    for (const std::uint8_t byte : endpoint.address.bytes) hash = hash * 31 + byte;
    return hash;
}

}  // namespace

model::Endpoint target_of(const Subject& subject) {
    if (subject.check.through_service && subject.through) return *subject.through;
    model::Endpoint target = subject.server;
    if (subject.check.address) target.address = *subject.check.address;
    if (subject.check.port != 0) target.port = subject.check.port;
    return target;
}

std::string key_of(const Subject& subject) {
    return fmt::format("{} {} {:016x}", subject.server.text(),
                       model::type_name(subject.check.probe), digest_of(subject));
}

std::size_t SubjectHash::operator()(const Subject& subject) const {
    // What tells subjects apart in practice; operator== does the rest.
    std::size_t hash = hash_of(subject.server) * 31 + subject.check.probe.index();
    if (subject.through) hash = hash * 31 + hash_of(*subject.through) + subject.mark;
    return hash * 31 + static_cast<std::size_t>(subject.check.interval.count());
}

}  // namespace isobar::health
