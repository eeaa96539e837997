// SPDX-License-Identifier: Apache-2.0
#include "import/ldirectord_check.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/printable.h"

namespace isobar::importer {
namespace {

using model::Check;
using model::Expectation;
using model::Protocol;
using std::chrono::seconds;

constexpr seconds kConnectTimeout{5};
constexpr seconds kNegotiateTimeout{30};
constexpr seconds kInterval{10};

struct PortService {
    model::Port port;
    std::string_view service;
};
constexpr auto kPortServices = std::to_array<PortService>({{21, "ftp"},
                                                           {25, "smtp"},
                                                           {53, "dns"},
                                                           {80, "http"},
                                                           {110, "pop"},
                                                           {119, "nntp"},
                                                           {143, "imap"},
                                                           {389, "ldap"},
                                                           {443, "https"},
                                                           {587, "submission"},
                                                           {993, "imaps"},
                                                           {995, "pops"},
                                                           {1521, "oracle"},
                                                           {1812, "radius"},
                                                           {3128, "http_proxy"},
                                                           {3306, "mysql"},
                                                           {5432, "pgsql"},
                                                           {5060, "sip"}});

// What such a service says first.
struct Greeting {
    std::string_view service;
    std::string_view regex;
};
constexpr auto kGreetings = std::to_array<Greeting>(
    {{"ftp", "^220"}, {"pop", "^\\+OK"}, {"imap", "^\\* (OK|PREAUTH)"}, {"nntp", "^20[01]"}});

std::string service_of(const LdirectordCheck& asked, const ServiceDraft& service) {
    if (!asked.service.empty()) return asked.service;
    const auto port = service.listen.empty() ? 0 : service.listen.front().address.port;
    const auto* found = std::ranges::find(kPortServices, port, &PortService::port);
    return found == kPortServices.end() ? "none" : std::string(found->service);
}

std::string with_line_ends(std::string text) {
    for (std::size_t at = text.find("\\n"); at != std::string::npos; at = text.find("\\n", at)) {
        text.replace(at, 2, "\n");
    }
    return text;
}

model::HttpProbe http(const LdirectordCheck& asked, bool tls) {
    model::HttpProbe probe;
    if (tls) {
        probe.tls.emplace();
        probe.tls->server_name = asked.host;
    }
    probe.method = asked.method;
    std::string_view path = asked.request;
    if (const std::size_t host = path.find("://"); host != std::string_view::npos) {
        path.remove_prefix(std::min(path.find('/', host + 3), path.size()));
    }
    probe.path = (path.starts_with('/') ? "" : "/") + std::string(path);
    probe.host = asked.host;
    probe.status = {{200, 299}};
    probe.body = asked.receive;
    return probe;
}

std::optional<model::Probe> negotiation(const LdirectordCheck& asked, const ServiceDraft& service,
                                        Findings* findings) {
    const std::string kind = service_of(asked, service);
    const bool udp = !service.listen.empty() && service.listen.front().protocol == Protocol::Udp;
    if (kind == "none") return std::nullopt;
    const bool elsewhere = asked.request.find("://") != std::string::npos;
    if (findings != nullptr && elsewhere) {
        findings->note(service.origin.at,
                       "the host in request is not honoured: its server is asked",
                       "address and port of a check say where else");
    }
    if (findings != nullptr && kind == "dns" && !asked.receive.empty()) {
        findings->note(service.origin.at,
                       "receive is not honoured for dns: any answer with a record will do");
    }
    if (kind == "http" || kind == "https") return http(asked, kind == "https");
    if (kind == "smtp" || kind == "submission") return model::SmtpProbe{};
    if (kind == "imaps" || kind == "pops") return model::TlsProbe{};
    if (kind == "dns") {
        const bool name = !asked.request.empty();
        return model::DnsProbe{name ? asked.request : ".", std::uint16_t(name ? 1 : 6), name};
    }
    const Expectation received{asked.receive, Expectation::Match::Regex};
    if (kind == "simpletcp") {
        return model::TalkProbe{with_line_ends(asked.request),
                                asked.receive.empty() ? std::nullopt : std::optional(received)};
    }
    const auto* greeting = std::ranges::find(kGreetings, kind, &Greeting::service);
    if (greeting != kGreetings.end()) {
        return model::TalkProbe{
            "", Expectation{std::string(greeting->regex), Expectation::Match::Regex}};
    }
    if (findings != nullptr) {
        findings->note(service.origin.at,
                       fmt::format("service {} is not spoken here: only whether its port answers "
                                   "is checked",
                                   printable(kind)),
                       "a check of type \"program\" can do more");
    }
    if (udp) return model::UdpProbe{};
    return model::TcpProbe{};
}

model::ProgramProbe program(const LdirectordCheck& asked, const ServiceDraft& service) {
    model::ProgramProbe probe;
    const bool by_mark = service.listen.empty();
    const auto address = by_mark ? model::Endpoint{} : service.listen.front().address;
    probe.command = {asked.command,
                     by_mark ? fmt::format("{}", service.mark) : address.address.text(),
                     fmt::format("{}", address.port), "%h", "%p"};
    return probe;
}

// What a UDP port says to a connection is nothing.
model::Probe connection(const ServiceDraft& service) {
    const bool udp = !service.listen.empty() && service.listen.front().protocol == Protocol::Udp;
    if (udp) return model::PingProbe{};
    return model::TcpProbe{};
}

}  // namespace

std::vector<Check> checks_of(const LdirectordCheck& asked, const ServiceDraft& service,
                             Findings* findings) {
    if (asked.type == "off" || asked.type == "on") return {};
    Check check;
    check.interval = asked.interval.value_or(kInterval);
    check.timeout = asked.check_timeout.value_or(asked.negotiate_timeout.value_or(kConnectTimeout));
    check.fall = asked.failure_count;
    check.retries = 0;
    check.port = asked.port;
    if (asked.type == "ping") {
        check.probe = model::PingProbe{};
        check.retries = asked.check_count - 1;
        return {check};
    }
    if (asked.type == "external" || asked.type == "external-perl") {
        check.probe = program(asked, service);
        return {check};
    }
    check.probe = connection(service);
    if (asked.type == "connect") return {check};

    const auto probe = negotiation(asked, service, findings);
    std::vector<Check> checks;
    if (asked.connects_between) checks.push_back(check);
    if (!probe) return checks;
    check.probe = *probe;
    check.timeout =
        asked.negotiate_timeout.value_or(asked.check_timeout.value_or(kNegotiateTimeout));
    if (asked.connects_between) check.interval *= *asked.connects_between;
    checks.push_back(check);
    return checks;
}

model::Address next_address(model::Address address) {
    std::size_t i = address.family == model::Family::V4 ? 4 : 16;
    do {
        --i;
        ++address.bytes[i];
    } while (i > 0 && address.bytes[i] == 0);
    return address;
}

}  // namespace isobar::importer
