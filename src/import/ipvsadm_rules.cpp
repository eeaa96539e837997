// SPDX-License-Identifier: Apache-2.0
// What `ipvsadm -S` prints: a rule a line, -A for a service, -a for a server of one.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/printable.h"
#include "base/text.h"
#include "config/suggest.h"
#include "import/directives.h"
#include "import/formats.h"
#include "import/line_words.h"
#include "import/values.h"
#include "model/scheduler_flags.h"

namespace isobar::importer {
namespace {

using model::Protocol;

class Rules {
public:
    Rules(Findings& findings, const Surroundings& surroundings)
        : findings_(findings), values_(findings, surroundings) {}

    void line(std::string_view text, Place at);
    Draft draft() && { return std::move(draft_); }

private:
    using Words = std::span<const Word>;
    struct Option {
        std::string_view name, long_name;
        bool takes_value;
        void (Rules::*read)(const Word& word);
    };

    void add_service(Words options);
    void add_server(Words options);
    void set_timeouts(Words numbers);
    void read_options(Words options, std::span<const Option> known);
    bool read_option(Words& rest, std::span<const Option> known);

    // ---- which service ----
    void read_tcp(const Word& word) { read_endpoint(word, Protocol::Tcp); }
    void read_udp(const Word& word) { read_endpoint(word, Protocol::Udp); }
    void read_sctp(const Word& word) { read_endpoint(word, Protocol::Sctp); }
    void read_endpoint(const Word& word, Protocol protocol);
    void read_mark(const Word& word);
    void read_ipv6(const Word&) { ipv6_ = true; }

    // ---- of a service ----
    void read_scheduler(const Word& word) {
        service_.scheduler = values_.scheduler(word).value_or(service_.scheduler);
    }
    void read_persistent(const Word& word);
    void read_mask(const Word& word);
    void read_engine(const Word& word);
    void read_flags(const Word& word);
    void read_one_packet(const Word&) { service_.one_packet = true; }

    // ---- of a server ----
    void read_server(const Word& word);
    void read_direct(const Word&) { way_.method = model::ForwardingMethod::Dr; }
    void read_tunnel(const Word&) { way_.method = model::ForwardingMethod::Tun; }
    void read_masquerade(const Word&) { way_.method = model::ForwardingMethod::Nat; }
    void read_weight(const Word& word) {
        server_.weight = values_.number(word, 0, model::kMaxWeight).value_or(1);
    }
    void read_upper(const Word& word) {
        server_.upper_threshold = values_.number(word, 0, model::kMaxWeight).value_or(0);
    }
    void read_lower(const Word& word) {
        server_.lower_threshold = values_.number(word, 0, model::kMaxWeight).value_or(0);
    }
    void read_tunnel_type(const Word& word);
    void read_tunnel_port(const Word& word);
    void read_no_checksum(const Word&) { way_.tunnel.checksum = model::TunnelChecksum::None; }
    void read_checksum(const Word&) { way_.tunnel.checksum = model::TunnelChecksum::Full; }
    void read_remote_checksum(const Word&) { way_.tunnel.checksum = model::TunnelChecksum::Remote; }

    [[nodiscard]] bool is_of_ipv6_mark() const { return key_ && key_->mark != 0 && ipv6_; }

    static const std::array<Option, 14> kOfService;
    static const std::array<Option, 17> kOfServer;

    Findings& findings_;
    Values values_;
    Draft draft_;
    std::map<model::ServiceKey, std::size_t> services_;  // where in draft_

    // ---- of the line that is read ----
    Origin origin_;
    std::optional<model::ServiceKey> key_;
    bool ipv6_ = false;
    ServiceDraft service_;
    ServerDraft server_;
    bool has_server_ = false;
    Way way_;
};

const std::array<Rules::Option, 14> Rules::kOfService{{
    {"-t", "--tcp-service", true, &Rules::read_tcp},
    {"-u", "--udp-service", true, &Rules::read_udp},
    {"", "--sctp-service", true, &Rules::read_sctp},
    {"-f", "--fwmark-service", true, &Rules::read_mark},
    {"-6", "--ipv6", false, &Rules::read_ipv6},
    {"-s", "--scheduler", true, &Rules::read_scheduler},
    {"-p", "--persistent", true, &Rules::read_persistent},
    {"-M", "--netmask", true, &Rules::read_mask},
    {"", "--pe", true, &Rules::read_engine},
    {"pe", "", true, &Rules::read_engine},  // as version 1.26 printed it
    {"-b", "--sched-flags", true, &Rules::read_flags},
    {"-o", "--ops", false, &Rules::read_one_packet},
    {"-O", "", false, &Rules::read_one_packet},
    {"ops", "", false, &Rules::read_one_packet},
}};

const std::array<Rules::Option, 17> Rules::kOfServer{{
    {"-t", "--tcp-service", true, &Rules::read_tcp},
    {"-u", "--udp-service", true, &Rules::read_udp},
    {"", "--sctp-service", true, &Rules::read_sctp},
    {"-f", "--fwmark-service", true, &Rules::read_mark},
    {"-6", "--ipv6", false, &Rules::read_ipv6},
    {"-r", "--real-server", true, &Rules::read_server},
    {"-g", "--gatewaying", false, &Rules::read_direct},
    {"-i", "--ipip", false, &Rules::read_tunnel},
    {"-m", "--masquerading", false, &Rules::read_masquerade},
    {"-w", "--weight", true, &Rules::read_weight},
    {"-x", "--u-threshold", true, &Rules::read_upper},
    {"-y", "--l-threshold", true, &Rules::read_lower},
    {"", "--tun-type", true, &Rules::read_tunnel_type},
    {"", "--tun-port", true, &Rules::read_tunnel_port},
    {"", "--tun-nocsum", false, &Rules::read_no_checksum},
    {"", "--tun-csum", false, &Rules::read_checksum},
    {"", "--tun-remcsum", false, &Rules::read_remote_checksum},
}};

void Rules::line(std::string_view text, Place at) {
    const auto words = line_words(text, at, WordSyntax{}, findings_);
    if (!words || words->empty()) return;
    Words rest = *words;
    if (rest.front().text == "ipvsadm") rest = rest.subspan(1);
    if (rest.empty()) return;
    const Word& command = rest.front();
    rest = rest.subspan(1);
    origin_ = {at, ""};
    for (const Word& word : *words) origin_.words += (origin_.words.empty() ? "" : " ") + word.text;
    key_.reset();
    ipv6_ = false;
    if (command.text == "-A" || command.text == "--add-service") return add_service(rest);
    if (command.text == "-a" || command.text == "--add-server") return add_server(rest);
    if (command.text == "--set") return set_timeouts(rest);
    if (command.text == "-C" || command.text == "--clear") return;  // what follows is all there is
    if (command.text == "--start-daemon") {
        return findings_.note(command.at,
                              "--start-daemon is not honoured: the connections of a partner come "
                              "with failover");
    }
    findings_.error(command.at, fmt::format("'{}' is not a rule", printable(command.text)),
                    "a rule begins with -A (service) or -a (server), as ipvsadm -S prints it");
}

void Rules::add_service(Words options) {
    service_ = {};
    service_.origin = origin_;
    service_.way.method = model::ForwardingMethod::Dr;  // until its servers say
    read_options(options, kOfService);
    if (!key_) return findings_.error(origin_.at, "this rule names no service", "as in -t VIP:80");
    if (is_of_ipv6_mark()) {
        return findings_.note(origin_.at, "services by mark are of IPv4: this one is left out");
    }
    if (service_.persistence && service_.persistence->timeout.count() == 0) {
        service_.persistence->timeout = std::chrono::seconds(300);
    }
    const auto [entry, fresh] = services_.emplace(*key_, draft_.services.size());
    if (!fresh) return findings_.error(origin_.at, "this service is there already");
    if (key_->mark != 0) {
        service_.mark = key_->mark;
        service_.name = fmt::format("mark-{}", key_->mark);
    } else {
        service_.listen = {*key_};
        service_.name = service_name(*key_);
    }
    draft_.services.push_back(std::move(service_));
}

void Rules::add_server(Words options) {
    server_ = {};
    server_.origin = origin_;
    has_server_ = false;
    way_ = {model::ForwardingMethod::Dr, {}};
    read_options(options, kOfServer);
    if (!key_) return findings_.error(origin_.at, "this rule names no service", "as in -t VIP:80");
    if (!has_server_) return findings_.error(origin_.at, "this rule names no server", "add -r");
    if (is_of_ipv6_mark()) {
        return findings_.note(origin_.at, "services by mark are of IPv4: this one is left out");
    }
    const auto service = services_.find(*key_);
    if (service == services_.end()) {
        return findings_.error(origin_.at, "its service is not there",
                               "the rule -A of the service stands before those of its servers");
    }
    if (way_.tunnel.type == model::Encapsulation::Gue && way_.tunnel.port == 0) {
        findings_.error(origin_.at, "a tunnel of type gue needs --tun-port");
    }
    if (!model::can_have(way_.tunnel.type, way_.tunnel.checksum)) {
        findings_.error(origin_.at, "this type of tunnel has no such checksum",
                        "--tun-csum: gue, gre; --tun-remcsum: gue");
    }
    ServiceDraft& into = draft_.services[service->second];
    if (into.servers.empty()) into.way = way_;
    server_.way = way_;
    // Without it, ipvsadm -g and -i give the server the port of the service.
    if (!model::rewrites(way_.method) && key_->mark == 0) server_.address.port = 0;
    into.servers.push_back(std::move(server_));
}

void Rules::set_timeouts(Words numbers) {
    if (numbers.size() != 3) {
        return findings_.error(origin_.at, "--set takes three times: tcp, tcpfin and udp");
    }
    const std::array into{&draft_.timeouts.tcp, &draft_.timeouts.tcp_fin, &draft_.timeouts.udp};
    for (std::size_t i = 0; i < into.size(); ++i) {
        const auto time = values_.seconds(numbers[i], 0, kMostSeconds);
        if (time && time->count() > 0) *into[i] = time;
    }
    draft_.timeouts.origins.push_back(origin_);
}

void Rules::read_options(Words options, std::span<const Option> known) {
    while (!options.empty() && read_option(options, known)) {
    }
}

// Takes an option and its value off `rest`.
bool Rules::read_option(Words& rest, std::span<const Option> known) {
    const Word& word = rest.front();
    const std::size_t equals =
        word.text.starts_with("--") ? word.text.find('=') : std::string::npos;
    const std::string_view given = std::string_view(word.text).substr(0, equals);
    const auto option = std::ranges::find_if(known, [&](const Option& each) {
        return !given.empty() && (each.name == given || each.long_name == given);
    });
    if (option == known.end()) {
        std::vector<std::string> names;
        for (const Option& each : known) {
            names.emplace_back(each.long_name.empty() ? each.name : each.long_name);
        }
        findings_.error(word.at, fmt::format("unknown option '{}'", printable(given)),
                        config::suggestion(given, names));
        return false;
    }
    rest = rest.subspan(1);
    if (!option->takes_value) {
        (this->*option->read)(word);
        return true;
    }
    if (equals != std::string::npos) {
        (this->*option->read)({word.text.substr(equals + 1), word.at, false});
        return true;
    }
    const bool persistent = option->name == "-p";
    if (rest.empty() || (persistent && rest.front().text.starts_with('-'))) {
        if (persistent) {
            service_.persistence.emplace().timeout = std::chrono::seconds(0);
            return true;
        }
        findings_.error(word.at, fmt::format("{} has no value", printable(given)));
        return false;
    }
    (this->*option->read)(rest.front());
    rest = rest.subspan(1);
    return true;
}

void Rules::read_endpoint(const Word& word, Protocol protocol) {
    const auto [host, port] = host_and_port(word);
    const auto address = values_.host(host);
    const auto number = port ? values_.port(*port, protocol) : model::Port{0};
    key_ = model::ServiceKey{protocol, {address.value_or(model::Address{}), number.value_or(0)}};
}

void Rules::read_mark(const Word& word) {
    if (const auto mark = values_.mark(word)) key_ = model::ServiceKey::by_mark(*mark);
}

void Rules::read_persistent(const Word& word) {
    if (!service_.persistence) service_.persistence.emplace();
    service_.persistence->timeout =
        values_.seconds(word, 1, kMostSeconds).value_or(std::chrono::seconds(1));
}

void Rules::read_mask(const Word& word) {
    const auto mask = values_.mask(word);
    const bool dotted = word.text.find('.') != std::string::npos;
    if (!service_.persistence) {
        return findings_.error(word.at, "a mask without -p", "-p stands before it");
    }
    const bool whole = mask == (dotted ? 32U : 128U);
    if (mask && !whole) service_.persistence->mask = mask;
}

void Rules::read_engine(const Word& word) {
    if (!values_.one_of(word, {"sip"})) return;
    if (!service_.persistence) {
        return findings_.error(word.at, "a persistence engine without -p", "-p stands before it");
    }
    service_.persistence->sip = true;
}

void Rules::read_flags(const Word& word) {
    for (const std::string_view flag : split(word.text, ',')) {
        if (model::scheduler_flag_named(flag) == nullptr) {
            findings_.error(word.at, fmt::format("unknown flag '{}'", printable(flag)),
                            "sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3");
            continue;
        }
        service_.scheduler_flags.emplace_back(flag);
    }
}

void Rules::read_server(const Word& word) {
    const auto [host, port] = host_and_port(word);
    const auto protocol = key_ ? key_->protocol : Protocol::Tcp;
    const auto address = values_.host(host);
    const auto number = port ? values_.port(*port, protocol) : model::Port{0};
    server_.address = {address.value_or(model::Address{}), number.value_or(0)};
    has_server_ = true;
}

void Rules::read_tunnel_type(const Word& word) {
    using enum model::Encapsulation;
    if (const auto which = values_.one_of(word, {"ipip", "gue", "gre"})) {
        way_.tunnel.type = std::array{Ipip, Gue, Gre}[*which];
    }
}

void Rules::read_tunnel_port(const Word& word) {
    way_.tunnel.port = static_cast<model::Port>(values_.number(word, 1, 65535).value_or(1));
}

}  // namespace

Draft read_ipvsadm_rules(std::size_t file, Findings& findings, const Surroundings& surroundings) {
    Rules rules(findings, surroundings);
    for_each_line(file, findings, [&](std::string_view line, Place at) { rules.line(line, at); });
    return std::move(rules).draft();
}

}  // namespace isobar::importer
