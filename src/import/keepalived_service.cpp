// SPDX-License-Identifier: Apache-2.0
// virtual_server and real_server of keepalived.conf.
#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/printable.h"
#include "base/text.h"
#include "import/directives.h"
#include "import/keepalived.h"
#include "model/scheduler_flags.h"

namespace isobar::importer {
namespace {

using model::Address;
using model::Family;
using model::Protocol;

constexpr std::uint32_t kMostAddresses = 1024;  // of one range

constexpr auto kServiceNotHonoured = std::to_array<NotHonoured>({
    {"ha_suspend", kFailover},
    {"smtp_alert", kMail},
    {"omega", "the kernel goes on forwarding when isobard stops"},
    {"sorry_server_inhibit", "the sorry server is never checked"},
    {"nat_mask", "nat goes by connections, not by networks"},
});

constexpr auto kServerNotHonoured = std::to_array<NotHonoured>({
    {"smtp_alert", kMail},
    {"snmp_name", "isobard has no SNMP"},
});

Address after(Address address, std::uint32_t count) {
    std::size_t i = address.family == Family::V4 ? 4 : 16;
    std::uint32_t carry = count;
    while (i-- > 0 && carry > 0) {
        carry += address.bytes[i];
        address.bytes[i] = static_cast<std::uint8_t>(carry & 0xffU);
        carry >>= 8U;
    }
    return address;
}

class VirtualServer {
public:
    VirtualServer(const Groups& groups, Values& values, Findings& findings)
        : groups_(groups), values_(values), findings_(findings) {}

    void read(const Node& node, std::vector<ServiceDraft>& into);

private:
    void read_word(const Node& node);
    bool read_scheduling(const Node& node);
    bool read_quorum(const Node& node);
    void read_protocol(const Node& node);
    void read_persistence(const Node& node);
    void read_sorry(const Node& node);
    void read_server(const Node& node);
    void read_server_word(const Node& node, ServerDraft& server, CheckerSettings& settings);
    void read_names(const Node& node, std::vector<ServiceDraft>& into);
    void read_address(const Word& host, const Word* port);
    void read_range(const Word& range, const Word* port);
    std::optional<Way> read_way(const std::vector<Word>& words);
    std::vector<std::string> read_command(const Node& node, std::string& user);
    [[nodiscard]] std::optional<Word> value(const Node& node);
    std::uint32_t number(const Node& node, std::uint32_t usual) {
        const auto word = value(node);
        return word ? values_.number(*word, 0, model::kMaxWeight).value_or(usual) : usual;
    }

    const Groups& groups_;
    Values& values_;
    Findings& findings_;
    ServiceDraft service_;
    Protocol protocol_ = Protocol::Tcp;
    CheckerSettings settings_;
    bool quiesce_ = false;
    bool ipv6_ = false;
    std::string name_;
    std::vector<model::ServiceKey> listen_;
    std::vector<std::uint32_t> marks_;
};

std::optional<Word> VirtualServer::value(const Node& node) {
    if (!node.values.empty()) return node.values.front();
    findings_.error(node.key.at, fmt::format("{} has no value", printable(node.key.text)));
    return std::nullopt;
}

// What all servers go by is read before them.
void VirtualServer::read(const Node& node, std::vector<ServiceDraft>& into) {
    service_.origin = {node.key.at, node.words()};
    for (const Node& child : node.children) {
        if (child.key.text != "real_server") read_word(child);
    }
    for (const Node& child : node.children) {
        if (child.key.text == "real_server") read_server(child);
    }
    read_names(node, into);
}

void VirtualServer::read_word(const Node& node) {
    const std::string_view key = node.key.text;
    if (read_setting(node, settings_, values_, findings_)) return;
    if (read_scheduling(node) || read_quorum(node)) return;
    if (key == "protocol") return read_protocol(node);
    if (key.starts_with("persistence_")) return read_persistence(node);
    if (key == "inhibit_on_failure") {
        quiesce_ = read_bool(node, findings_);
    } else if (key == "sorry_server") {
        read_sorry(node);
    } else if (key == "sorry_server_lvs_method") {
        if (service_.sorry) service_.sorry->way = read_way(node.values);
    } else if (key == "snmp_name") {
        name_ = node.values.empty() ? "" : node.values.front().text;
    } else if (key == "ip_family") {
        ipv6_ = !node.values.empty() && node.values.front().text == "inet6";
    } else if (const auto reason = std::ranges::find(kServiceNotHonoured, key, &NotHonoured::name);
               reason != kServiceNotHonoured.end()) {
        note_not_honoured(node, reason->reason, findings_);
    } else {
        findings_.note(node.key.at,
                       fmt::format("unknown keyword '{}' in virtual_server", printable(key)));
    }
}

bool VirtualServer::read_scheduling(const Node& node) {
    const std::string_view key = node.key.text;
    if (key == "lvs_sched" || key == "lb_algo") {
        if (const auto word = value(node)) {
            service_.scheduler = values_.scheduler(*word).value_or(service_.scheduler);
        }
    } else if (key == "lvs_method" || key == "lb_kind") {
        service_.way = read_way(node.values).value_or(service_.way);
    } else if (key == "ops") {
        service_.one_packet = true;
    } else if (model::scheduler_flag_named(key) != nullptr) {
        service_.scheduler_flags.emplace_back(key);
    } else {
        return false;
    }
    return true;
}

bool VirtualServer::read_quorum(const Node& node) {
    const std::string_view key = node.key.text;
    if (key == "quorum") {
        const auto word = value(node);
        if (word) service_.quorum = values_.number(*word, 1, model::kMaxWeight).value_or(1);
    } else if (key == "hysteresis") {
        service_.quorum_hysteresis = number(node, 0);
    } else if (key == "quorum_up") {
        service_.notify.quorum_up = read_command(node, service_.notify.user);
    } else if (key == "quorum_down") {
        service_.notify.quorum_down = read_command(node, service_.notify.user);
    } else {
        return false;
    }
    return true;
}

void VirtualServer::read_protocol(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    const auto which = values_.one_of({lower_case(word->text), word->at}, {"tcp", "udp", "sctp"});
    if (which) protocol_ = std::array{Protocol::Tcp, Protocol::Udp, Protocol::Sctp}[*which];
}

void VirtualServer::read_persistence(const Node& node) {
    const std::string_view key = node.key.text;
    if (key == "persistence_timeout" && node.values.empty()) {
        service_.persistence.emplace();
        return;
    }
    const auto word = value(node);
    if (!word) return;
    if (!service_.persistence) service_.persistence.emplace();
    PersistenceDraft& persistence = *service_.persistence;
    if (key == "persistence_timeout") {
        persistence.timeout = values_.seconds(*word, 1, kMostSeconds).value_or(persistence.timeout);
    } else if (key == "persistence_granularity") {
        const auto mask = values_.mask(*word);
        const bool whole = mask == (word->text.find('.') != std::string::npos ? 32U : 128U);
        if (mask && !whole) persistence.mask = mask;
    } else if (key == "persistence_engine") {
        persistence.sip = values_.one_of(*word, {"sip"}).has_value();
    } else {
        findings_.note(node.key.at, fmt::format("unknown keyword '{}'", printable(key)));
    }
}

// NAT, DR, TUN [type ipip | gue port N | gre] [nocsum | csum | remcsum]
std::optional<Way> VirtualServer::read_way(const std::vector<Word>& words) {
    using enum model::ForwardingMethod;
    Way way;
    if (words.empty()) return std::nullopt;
    const auto method =
        values_.one_of({lower_case(words[0].text), words[0].at}, {"nat", "dr", "tun"});
    if (!method) return std::nullopt;
    way.method = std::array{Nat, Dr, Tun}[*method];
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string& word = words[i].text;
        if (word == "type" && i + 1 < words.size()) {
            const auto type = values_.one_of(words[++i], {"ipip", "gue", "gre"});
            way.tunnel.type = static_cast<model::Encapsulation>(type.value_or(0));
        } else if (word == "port" && i + 1 < words.size()) {
            way.tunnel.port =
                static_cast<model::Port>(values_.number(words[++i], 1, 65535).value_or(1));
        } else if (const auto sum = values_.one_of(words[i], {"nocsum", "csum", "remcsum"})) {
            way.tunnel.checksum = static_cast<model::TunnelChecksum>(*sum);
        }
    }
    if (way.tunnel.type == model::Encapsulation::Gue && way.tunnel.port == 0) {
        findings_.error(words[0].at, "a tunnel of type gue needs a port", "type gue port 6080");
    }
    if (!model::can_have(way.tunnel.type, way.tunnel.checksum)) {
        findings_.error(words[0].at, "this type of tunnel has no such checksum");
    }
    return way;
}

// "/path argument ..." [user [group]]
std::vector<std::string> VirtualServer::read_command(const Node& node, std::string& user) {
    const auto word = value(node);
    if (!word) return {};
    if (node.values.size() > 1) user = node.values[1].text;
    if (node.values.size() > 2) {
        findings_.note(node.values[2].at, "the group is not honoured: the user's own is taken");
    }
    if (const auto signs = shell_signs(word->text); !signs.empty()) {
        findings_.note(word->at, fmt::format("programs run without a shell: {} are plain "
                                             "characters",
                                             signs));
    }
    auto command = arguments(word->text);
    if (!command.empty() && command.front().starts_with('/')) return command;
    findings_.note(
        word->at,
        fmt::format("'{}' is not the path of a program: nobody is told", printable(word->text)),
        "begin with /");
    return {};
}

void VirtualServer::read_sorry(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    const auto host = values_.host(*word);
    const auto port =
        node.values.size() > 1 ? values_.port(node.values[1], protocol_) : model::Port{0};
    if (host) service_.sorry = SorryDraft{{*host, port.value_or(0)}, std::nullopt, node.key.at};
}

// ---- real_server ----

void VirtualServer::read_server(const Node& node) {
    ServerDraft server;
    server.origin = {node.key.at, node.words()};
    server.quiesce = quiesce_;
    const auto word = value(node);
    if (!word) return;
    server.address.address = values_.host(*word).value_or(Address{});
    if (node.values.size() > 1) {
        server.address.port = values_.port(node.values[1], protocol_).value_or(0);
    }
    CheckerSettings settings = settings_;
    for (const Node& child : node.children) {
        if (!is_checker(child)) read_server_word(child, server, settings);
    }
    for (const Node& child : node.children) {
        if (is_checker(child)) read_checker(child, settings, values_, findings_, server.checks);
    }
    service_.servers.push_back(std::move(server));
}

void VirtualServer::read_server_word(const Node& node, ServerDraft& server,
                                     CheckerSettings& settings) {
    const std::string_view key = node.key.text;
    if (read_setting(node, settings, values_, findings_)) return;
    if (key == "weight") {
        server.weight = number(node, 1);
    } else if (key == "lvs_method" || key == "lb_kind") {
        server.way = read_way(node.values);
    } else if (key == "uthreshold") {
        server.upper_threshold = number(node, 0);
    } else if (key == "lthreshold") {
        server.lower_threshold = number(node, 0);
    } else if (key == "inhibit_on_failure") {
        server.quiesce = read_bool(node, findings_);
    } else if (key == "notify_up") {
        server.notify.up = read_command(node, server.notify.user);
    } else if (key == "notify_down") {
        server.notify.down = read_command(node, server.notify.user);
    } else if (const auto reason = std::ranges::find(kServerNotHonoured, key, &NotHonoured::name);
               reason != kServerNotHonoured.end()) {
        note_not_honoured(node, reason->reason, findings_);
    } else {
        findings_.note(node.key.at,
                       fmt::format("unknown keyword '{}' in real_server", printable(key)));
    }
}

// ---- what it listens on ----

void VirtualServer::read_address(const Word& host, const Word* port) {
    const auto address = values_.host(host);
    const auto number = port != nullptr ? values_.port(*port, protocol_) : model::Port{0};
    if (address && number) listen_.push_back({protocol_, {*address, *number}});
}

// "192.168.200.1-10", "192.168.200.250-192.168.201.10", "192.168.202.8/29"
void VirtualServer::read_range(const Word& range, const Word* port) {
    const std::size_t mark = range.text.find_first_of("-/");
    if (mark == std::string::npos) return read_address(range, port);
    const auto first = Address::parse(range.text.substr(0, mark));
    const std::string behind = range.text.substr(mark + 1);
    if (!first) return findings_.error(range.at, "this is no range of addresses");
    const bool v4 = first->family == Family::V4;
    std::uint32_t count = 0;
    if (range.text[mark] == '/') {
        const auto length = values_.number({behind, range.at}, v4 ? 22 : 118, v4 ? 32 : 128);
        if (!length) return;
        count = 1U << ((v4 ? 32U : 128U) - *length);
    } else {
        const auto last = Address::parse(behind);
        const auto final_part = parse_unsigned<std::uint32_t>(behind, v4 ? 10 : 16);
        while (count < kMostAddresses) {
            const Address each = after(*first, count++);
            const std::uint32_t part = v4 ? each.bytes[3] : each.bytes[14] * 256U + each.bytes[15];
            if (last ? each == *last : part == final_part) break;
            if (count == kMostAddresses) {
                return findings_.error(range.at, "this range has no end that it comes to",
                                       fmt::format("at most {} addresses", kMostAddresses));
            }
        }
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        read_address({after(*first, i).text(), range.at}, port);
    }
}

void VirtualServer::read_names(const Node& node, std::vector<ServiceDraft>& into) {
    const auto& words = node.values;
    if (words.empty()) return findings_.error(node.key.at, "this virtual_server has no address");
    const bool more = words.size() > 1;
    if (words[0].text == "fwmark" && more) {
        if (const auto mark = values_.mark(words[1])) marks_.push_back(*mark);
    } else if (words[0].text == "group" && more) {
        if (name_.empty()) name_ = words[1].text;
        const auto group = groups_.find(words[1].text);
        if (group == groups_.end()) {
            return findings_.error(words[1].at, fmt::format("no virtual_server_group is named {}",
                                                            printable(words[1].text)));
        }
        for (const Node& line : group->second->children) {
            if (line.key.text != "fwmark") {
                read_range(line.key, line.values.empty() ? nullptr : line.values.data());
            } else if (const auto word = value(line)) {
                if (const auto mark = values_.mark(*word)) marks_.push_back(*mark);
            }
        }
    } else {
        read_address(words[0], more ? &words[1] : nullptr);
    }
    for (const Family family : {Family::V4, Family::V6}) {
        ServiceDraft service = service_;
        for (const auto& key : listen_) {
            if (key.address.address.family == family) service.listen.push_back(key);
        }
        if (service.listen.empty()) continue;
        service.name = name_.empty() ? service_name(service.listen.front()) : name_;
        into.push_back(std::move(service));
    }
    for (const std::uint32_t mark : marks_) {
        if (ipv6_) {
            findings_.note(node.key.at, "services by mark are of IPv4: this one is left out");
            continue;
        }
        service_.mark = mark;
        service_.name = name_.empty() ? fmt::format("mark-{}", mark) : name_;
        into.push_back(service_);
    }
}

}  // namespace

void read_virtual_server(const Node& node, const Groups& groups, Values& values, Findings& findings,
                         std::vector<ServiceDraft>& into) {
    VirtualServer(groups, values, findings).read(node, into);
}

}  // namespace isobar::importer
