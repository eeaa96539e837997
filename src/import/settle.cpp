// SPDX-License-Identifier: Apache-2.0
#include "import/settle.h"

#include <regex.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/printable.h"
#include "import/values.h"
#include "model/scheduler_flags.h"

namespace isobar::importer {
namespace {

using model::ForwardingMethod;
using model::Protocol;

constexpr std::size_t kLongestName = 63;

std::string valid_name(std::string name) {
    for (char& c : name) {
        const auto byte = static_cast<unsigned char>(c);
        const bool allowed = byte < 0x80 && (std::isalnum(byte) != 0 || c == '_' || c == '.');
        if (!allowed) c = '-';
    }
    name.erase(0, std::min(name.find_first_not_of('-'), name.size()));
    if (name.empty()) name = "service";
    return name.substr(0, kLongestName);
}

void name_services(Draft& draft) {
    std::set<std::string> taken;
    std::map<std::string, unsigned> last_number;
    for (ServiceDraft& service : draft.services) {
        const std::string wanted = valid_name(service.name);
        service.name = wanted;
        while (!taken.insert(service.name).second) {
            unsigned& number = last_number.try_emplace(wanted, 1U).first->second;
            const std::string tail = fmt::format("-{}", ++number);
            service.name = wanted.substr(0, kLongestName - tail.size()) + tail;
        }
    }
}

std::string first_on(const Findings& findings, const Place& at) {
    return fmt::format("first on line {} of {}", at.line, findings.file_name(at.file));
}

// Every packet is of one service.
void check_listens(const Draft& draft, Findings& findings) {
    std::map<model::ServiceKey, Place> first;
    std::map<std::uint32_t, Place> first_mark;
    for (const ServiceDraft& service : draft.services) {
        const Place& at = service.origin.at;
        for (const auto& key : service.listen) {
            const auto [claim, fresh] = first.emplace(key, at);
            if (fresh) continue;
            findings.error(at, fmt::format("{} is listened on twice", key.text()),
                           first_on(findings, claim->second));
        }
        if (service.mark == 0) continue;
        const auto [claim, fresh] = first_mark.emplace(service.mark, at);
        if (!fresh) {
            findings.error(at, fmt::format("the mark {} has two services", service.mark),
                           first_on(findings, claim->second));
        }
    }
}

Way way_of(const ServiceDraft& service, const ServerDraft& server) {
    return server.way.value_or(service.way);
}

// The one port that the service listens on; nothing if there are several, or none.
std::optional<model::Port> only_port(const ServiceDraft& service) {
    if (service.listen.empty()) return std::nullopt;
    const model::Port port = service.listen.front().address.port;
    const bool same = std::ranges::all_of(
        service.listen, [port](const auto& key) { return key.address.port == port; });
    return same && port != 0 ? std::optional(port) : std::nullopt;
}

bool needs_port(const model::Check& check) {
    return !std::holds_alternative<model::PingProbe>(check.probe) &&
           !std::holds_alternative<model::ProgramProbe>(check.probe);
}

void give_port(std::vector<model::Check>& checks, model::Port port) {
    for (model::Check& check : checks) {
        if (check.port == 0 && needs_port(check)) check.port = port;
    }
}

// A port that is the service's is left out. One that is not can only be where packets are
// rewritten; elsewhere it remains what checks ask.
void settle_port(const ServiceDraft& service, ServerDraft& server, Findings& findings) {
    model::Port& port = server.address.port;
    const auto common = only_port(service);
    if (common == port) port = 0;
    if (port == 0 || service.listen.empty()) return;
    const Way way = way_of(service, server);
    if (model::rewrites(way.method)) return;
    if (server.checks.empty()) server.checks = service.checks;
    give_port(server.checks, port);
    const bool one_of_them = std::ranges::any_of(
        service.listen, [port](const auto& key) { return key.address.port == port; });
    if (!one_of_them) {
        findings.note(server.origin.at,
                      fmt::format("the port {} is only for its checks: by \"{}\" packets keep "
                                  "theirs",
                                  port, model::name(way.method)));
    }
    port = 0;
}

// A check without any port to ask at.
void check_ports_of_checks(const ServiceDraft& service, const ServerDraft& server,
                           Findings& findings) {
    const auto& checks = server.checks.empty() ? service.checks : server.checks;
    const bool has_port = server.address.port != 0 || only_port(service);
    const bool portless = std::ranges::any_of(
        checks, [](const model::Check& check) { return needs_port(check) && check.port == 0; });
    if (has_port || !portless || !server.enabled) return;
    findings.error(server.origin.at, "nothing says which port its checks ask at",
                   "give the server a port, or the check one of its own");
}

void check_family(const ServiceDraft& service, const ServerDraft& server, Findings& findings) {
    const auto family =
        service.listen.empty() ? model::Family::V4 : service.listen.front().address.address.family;
    const bool tun = way_of(service, server).method == ForwardingMethod::Tun;
    if (tun || server.address.address.family == family) return;
    findings.error(
        server.origin.at,
        fmt::format("{} is not of the family of the service", server.address.address.text()),
        service.listen.empty() ? "services by mark are of IPv4" : "only a tunnel leads there");
}

// The regular expression of a check; empty: it has none.
std::string pattern_of(const model::Check& check) {
    const auto of = [](const std::optional<model::Expectation>& expect) {
        const bool regex = expect && expect->match == model::Expectation::Match::Regex;
        return regex ? expect->text : std::string();
    };
    if (const auto* http = std::get_if<model::HttpProbe>(&check.probe)) return http->body;
    if (const auto* talk = std::get_if<model::TalkProbe>(&check.probe)) return of(talk->expect);
    if (const auto* udp = std::get_if<model::UdpProbe>(&check.probe)) return of(udp->expect);
    return {};
}

// Other load balancers take Perl's regular expressions, of which POSIX refuses some.
void check_patterns(const std::vector<model::Check>& checks, const Place& at, Findings& findings) {
    for (const model::Check& check : checks) {
        const std::string pattern = pattern_of(check);
        if (pattern.empty()) continue;
        regex_t compiled{};
        const int failure = ::regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB);
        if (failure == 0) {
            ::regfree(&compiled);
            continue;
        }
        findings.error(
            at, fmt::format("'{}' is not a POSIX extended regular expression", printable(pattern)),
            "those of Perl are not understood: regex(7) has what there is");
    }
}

void settle_servers(ServiceDraft& service, Findings& findings) {
    std::map<model::Endpoint, Place> first;
    for (ServerDraft& server : service.servers) {
        if (server.way == service.way) server.way.reset();
        settle_port(service, server, findings);
        check_ports_of_checks(service, server, findings);
        check_family(service, server, findings);
        check_patterns(server.checks, server.origin.at, findings);
        const auto [claim, fresh] = first.emplace(server.address, server.origin.at);
        if (!fresh) {
            findings.error(
                server.origin.at,
                fmt::format("the server {} is there twice", server.address.address.text()),
                first_on(findings, claim->second));
        }
        if (server.lower_threshold > server.upper_threshold) {
            findings.error(server.origin.at,
                           fmt::format("its lower threshold {} is above the upper one, {}",
                                       server.lower_threshold, server.upper_threshold),
                           "it would never get new clients again");
        }
    }
}

// What all servers have in common is said once.
void hoist(ServiceDraft& service) {
    if (service.servers.empty()) return;
    const auto common = [&](auto member) {
        const auto& first = service.servers.front().*member;
        return std::ranges::all_of(
            service.servers, [&](const ServerDraft& server) { return server.*member == first; });
    };
    if (service.checks.empty() && common(&ServerDraft::checks)) {
        service.checks = service.servers.front().checks;
        for (ServerDraft& server : service.servers) server.checks.clear();
    }
    if (!service.quiesce && common(&ServerDraft::quiesce)) {
        service.quiesce = service.servers.front().quiesce;
    }
    const NotifyDraft& of_server = service.servers.front().notify;
    const bool same_user = service.notify.empty() || service.notify.user == of_server.user;
    if (!of_server.empty() && same_user && common(&ServerDraft::notify)) {
        service.notify.up = of_server.up;
        service.notify.down = of_server.down;
        service.notify.user = of_server.user;
        for (ServerDraft& server : service.servers) server.notify = {};
    }
}

void settle_sorry(ServiceDraft& service) {
    if (!service.sorry) return;
    SorryDraft& sorry = *service.sorry;
    if (sorry.way == service.way) sorry.way.reset();
    const Way way = sorry.way.value_or(service.way);
    const bool keeps_port = !model::rewrites(way.method) && !service.listen.empty();
    if (keeps_port || sorry.address.port == only_port(service)) sorry.address.port = 0;
}

void check_service(const ServiceDraft& service, Findings& findings) {
    const Place& at = service.origin.at;
    for (const auto& key : service.listen) {
        if (key.address.port == 0 && !service.persistence) {
            findings.error(at, fmt::format("{} is all ports, which needs persistence", key.text()),
                           "give it a port, or persistence");
        }
        if (service.one_packet && key.protocol != Protocol::Udp) {
            findings.error(at, "one-packet scheduling is only for UDP", "leave it out");
        }
        if (service.persistence && service.persistence->sip && key.protocol != Protocol::Udp) {
            findings.error(at, "the persistence engine sip is only for UDP", "leave it out");
        }
        const bool v4 = key.address.address.family == model::Family::V4;
        if (service.persistence && service.persistence->mask.value_or(0) > (v4 ? 32U : 128U)) {
            findings.error(at, fmt::format("its mask has more than {} bits", v4 ? 32 : 128));
        }
    }
    for (const std::string& word : service.scheduler_flags) {
        const auto* flag = model::scheduler_flag_named(word);
        if (flag == nullptr || flag->fits(service.scheduler)) continue;
        findings.error(at,
                       fmt::format("'{}' is no flag of the scheduler {}", word,
                                   model::name(service.scheduler)),
                       "leave it out, or choose the scheduler that it belongs to");
    }
}

// script_user is whom programs run as that name nobody.
void settle_users(Draft& draft) {
    if (draft.script_user.empty()) return;
    const auto take = [&](std::string& user) {
        if (user.empty()) user = draft.script_user;
    };
    for (ServiceDraft& service : draft.services) {
        take(service.notify.user);
        for (ServerDraft& server : service.servers) {
            take(server.notify.user);
            for (model::Check& check : server.checks)
                if (auto* program = std::get_if<model::ProgramProbe>(&check.probe))
                    if (program->user == model::ProgramProbe{}.user)
                        program->user = draft.script_user;
        }
    }
}

}  // namespace

void settle(Draft& draft, Findings& findings) {
    if (draft.services.empty() && findings.clean()) {
        findings.error({}, "no virtual service in it that isobard could run",
                       "a file that was cut off must not stop a running director");
    }
    name_services(draft);
    check_listens(draft, findings);
    settle_users(draft);
    for (ServiceDraft& service : draft.services) {
        check_service(service, findings);
        check_patterns(service.checks, service.origin.at, findings);
        settle_servers(service, findings);
        settle_sorry(service);
        hoist(service);
    }
}

}  // namespace isobar::importer
