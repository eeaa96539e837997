// SPDX-License-Identifier: Apache-2.0
// ldirectord.cf: `key = value` lines; the indented ones below a virtual belong to it.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/printable.h"
#include "base/text.h"
#include "import/directives.h"
#include "import/formats.h"
#include "import/ldirectord_check.h"
#include "import/line_words.h"
#include "import/values.h"

namespace isobar::importer {
namespace {

using model::Address;
using model::Protocol;
using std::chrono::seconds;

constexpr std::uint32_t kMostRange = 1024;
constexpr std::uint32_t kMostTime = 86400;

constexpr auto kNotHonoured = std::to_array<NotHonoured>({
    {"autoreload", "SIGHUP loads isobard's configuration again"},
    {"callback", "isobard does not watch its file"},
    {"logfile", "isobard logs to stderr, the journal"},
    {"supervised", kOwnProcess},
    {"fork", kOwnProcess},
    {"execute", kOwnProcess},
    {"emailalert", kMail},
    {"emailalertfrom", kMail},
    {"emailalertfreq", kMail},
    {"emailalertstatus", kMail},
    {"smtp", kMail},
    {"readdquiescent", "isobard keeps its own servers in the table"},
    {"cleanstop", "the kernel goes on forwarding when isobard stops: isobard --remove"},
    {"maintenancedir", "isobar drain and isobar disable do that"},
    {"monitorfile", "isobard keeps each check's last results by itself"},
    {"fallbackcommand", "isobard has notify, with other arguments: quorum_up and quorum_down"},
    {"login", "the check only looks whether the service answers"},
    {"passwd", "the check only looks whether the service answers"},
    {"database", "the check only looks whether the service answers"},
    {"secret", "the check only looks whether the service answers"},
});

// Words of a service, and those outside of one that are their defaults.
class Ldirectord {
public:
    Ldirectord(Findings& findings, const Surroundings& surroundings)
        : findings_(findings), values_(findings, surroundings) {}

    void line(std::string_view text, Place at);
    Draft draft() && {
        finish();
        return std::move(draft_);
    }

private:
    void read_virtual(const Node& node);
    void read_real(const Node& node);
    void read_fallback(const Node& node);
    void read_scheduler(const Node& node) {
        if (const auto word = value(node)) {
            service_.scheduler = values_.scheduler(*word).value_or(service_.scheduler);
        }
    }
    void read_persistent(const Node& node);
    void read_netmask(const Node& node);
    void read_protocol(const Node& node);
    void read_ops(const Node& node) { service_.one_packet = truth(node); }
    void read_quiescent(const Node& node) { settings_.quiescent = truth(node); }
    void read_check_type(const Node& node);
    void read_kind(const Node& node) { read_text(node, settings_.service); }
    void read_command(const Node& node) { read_text(node, settings_.command); }
    void read_request(const Node& node) { read_text(node, settings_.request); }
    void read_receive(const Node& node) { read_text(node, settings_.receive); }
    void read_host(const Node& node) { read_text(node, settings_.host); }
    void read_method(const Node& node) { read_text(node, settings_.method); }
    void read_check_port(const Node& node);
    void read_check_timeout(const Node& node) { read_time(node, settings_.check_timeout); }
    void read_negotiate_timeout(const Node& node) { read_time(node, settings_.negotiate_timeout); }
    void read_interval(const Node& node) { read_time(node, settings_.interval); }
    void read_check_count(const Node& node) { read_count(node, settings_.check_count); }
    void read_failure_count(const Node& node) { read_count(node, settings_.failure_count); }

    std::optional<Word> value(const Node& node);
    bool truth(const Node& node);
    void read_text(const Node& node, std::string& into) {
        if (const auto word = value(node)) into = word->text;
    }
    void read_time(const Node& node, std::optional<seconds>& into) {
        if (const auto word = value(node)) into = values_.seconds(*word, 1, kMostTime);
    }
    void read_count(const Node& node, std::uint32_t& into) {
        if (const auto word = value(node)) into = values_.number(*word, 1, 1000).value_or(into);
    }
    void finish();
    void add_server(const Node& node, const Address& address, std::optional<Word> port);

    static const std::array<Directive<Ldirectord>, 28> kWords;

    Findings& findings_;
    Values values_;
    Draft draft_;
    bool open_ = false;  // within a virtual
    ServiceDraft service_;
    LdirectordCheck settings_;  // of the service that is open
    LdirectordCheck globals_;
    std::optional<SorryDraft> global_fallback_;
    std::optional<SorryDraft>* fallback_ = &global_fallback_;
    std::optional<unsigned> mask_;
    std::vector<LdirectordCheck> asked_;  // of each server, its own request and receive
};

const std::array<Directive<Ldirectord>, 28> Ldirectord::kWords{{
    {"virtual", &Ldirectord::read_virtual},
    {"virtual6", &Ldirectord::read_virtual},
    {"real", &Ldirectord::read_real},
    {"real6", &Ldirectord::read_real},
    {"fallback", &Ldirectord::read_fallback},
    {"fallback6", &Ldirectord::read_fallback},
    {"scheduler", &Ldirectord::read_scheduler},
    {"persistent", &Ldirectord::read_persistent},
    {"netmask", &Ldirectord::read_netmask},
    {"protocol", &Ldirectord::read_protocol},
    {"ops", &Ldirectord::read_ops},
    {"quiescent", &Ldirectord::read_quiescent},
    {"checktype", &Ldirectord::read_check_type},
    {"service", &Ldirectord::read_kind},
    {"checkcommand", &Ldirectord::read_command},
    {"request", &Ldirectord::read_request},
    {"receive", &Ldirectord::read_receive},
    {"virtualhost", &Ldirectord::read_host},
    {"httpmethod", &Ldirectord::read_method},
    {"checkport", &Ldirectord::read_check_port},
    {"checktimeout", &Ldirectord::read_check_timeout},
    {"connecttimeout", &Ldirectord::read_check_timeout},
    {"negotiatetimeout", &Ldirectord::read_negotiate_timeout},
    {"checkinterval", &Ldirectord::read_interval},
    {"checkcount", &Ldirectord::read_check_count},
    {"failurecount", &Ldirectord::read_failure_count},
    {"retrycount", &Ldirectord::read_failure_count},
    {"negotiatecount", &Ldirectord::read_failure_count},
}};

void Ldirectord::line(std::string_view text, Place at) {
    const WordSyntax syntax{.single = "=,", .escape = {}};
    auto words = line_words(text, at, syntax, findings_);
    if (!words || words->empty()) return;
    if (words->size() < 2 || (*words)[1].text != "=") {
        return findings_.error(words->front().at, "not a line of the kind 'key = value'");
    }
    Node node;
    node.key = words->front();
    for (std::size_t i = 2; i < words->size(); ++i) {
        if ((*words)[i].quoted || (*words)[i].text != ",") node.values.push_back((*words)[i]);
    }
    const bool indented = text.front() == ' ' || text.front() == '\t';
    if (!indented) finish();
    read_directive<Ldirectord>(*this, node, kWords, kNotHonoured, Unknown::IsError, findings_);
    if (!open_) globals_ = settings_;
}

std::optional<Word> Ldirectord::value(const Node& node) {
    if (!node.values.empty()) return node.values.front();
    findings_.error(node.key.at, fmt::format("{} has no value", printable(node.key.text)));
    return std::nullopt;
}

bool Ldirectord::truth(const Node& node) {
    const auto word = value(node);
    return word && values_.one_of(*word, {"yes", "no"}) == 0U;
}

// "10.0.0.2:80", "[fd00::2]:80", or a mark.
void Ldirectord::read_virtual(const Node& node) {
    finish();
    open_ = true;
    service_ = {};
    service_.origin = {node.key.at, node.words()};
    service_.scheduler = model::Scheduler::Wrr;
    settings_ = globals_;
    asked_.clear();
    mask_.reset();
    fallback_ = &service_.sorry;
    const auto word = value(node);
    if (!word) return;
    if (const auto mark = parse_unsigned<std::uint32_t>(word->text)) {
        service_.mark = values_.mark(*word).value_or(0);
        service_.name = fmt::format("mark-{}", *mark);
        return;
    }
    const auto [host, port] = host_and_port(*word);
    if (!port) return findings_.error(word->at, "this virtual has no port", "address:port");
    const auto address = values_.host(host);
    const auto number = values_.port(*port, Protocol::Tcp);
    if (!address || !number) return;
    const auto protocol = *number == 53 ? Protocol::Udp : Protocol::Tcp;
    service_.listen = {{protocol, {*address, *number}}};
}

// address[->address][:port] gate|masq|ipip [weight] ["request", "receive"]
void Ldirectord::read_real(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    if (!open_) return findings_.error(node.key.at, "a real server outside of a virtual");
    const std::size_t arrow = word->text.find("->");
    if (arrow == std::string::npos) {
        const auto [host, port] = host_and_port(*word);
        if (const auto address = values_.host(host)) add_server(node, *address, port);
        return;
    }
    const auto first = values_.host({word->text.substr(0, arrow), word->at});
    const auto [last_host, port] = host_and_port({word->text.substr(arrow + 2), word->at});
    const auto last = values_.host(last_host);
    if (!first || !last) return;
    std::uint32_t count = 0;
    for (Address each = *first;; each = next_address(each)) {
        if (++count > kMostRange) {
            return findings_.error(word->at, "this range has no end that it comes to",
                                   fmt::format("at most {} addresses", kMostRange));
        }
        add_server(node, each, port);
        if (each == *last) return;
    }
}

void Ldirectord::add_server(const Node& node, const Address& address, std::optional<Word> port) {
    using enum model::ForwardingMethod;
    ServerDraft server;
    server.origin = {node.key.at, node.words()};
    server.address.address = address;
    if (port) server.address.port = values_.port(*port, Protocol::Tcp).value_or(0);
    const auto& words = node.values;
    if (words.size() < 2) return findings_.error(node.key.at, "gate, masq or ipip is missing");
    const auto method = values_.one_of(words[1], {"gate", "masq", "ipip"});
    server.way = Way{std::array{Dr, Nat, Tun}[method.value_or(0)], {}};
    LdirectordCheck asked;
    std::vector<std::string> texts;
    for (std::size_t i = 2; i < words.size(); ++i) {
        if (words[i].quoted) {
            texts.push_back(words[i].text);
        } else {
            server.weight = values_.number(words[i], 0, model::kMaxWeight).value_or(1);
        }
    }
    if (!texts.empty()) asked.request = texts[0];
    if (texts.size() > 1) asked.receive = texts[1];
    asked_.push_back(asked);
    service_.servers.push_back(std::move(server));
}

void Ldirectord::read_fallback(const Node& node) {
    using enum model::ForwardingMethod;
    const auto word = value(node);
    if (!word) return;
    const auto [host, port] = host_and_port(*word);
    // This host itself is a server by its address on an interface.
    if (host.text.starts_with("127.") || host.text == "[::1]") {
        return findings_.note(word->at,
                              "fallback is not honoured: packets are not sent to the loopback",
                              "give the address of an interface that the page is served on");
    }
    const auto address = values_.host(host);
    if (!address) return;
    SorryDraft sorry{{*address, 0}, std::nullopt, node.key.at};
    if (port) sorry.address.port = values_.port(*port, Protocol::Tcp).value_or(0);
    if (node.values.size() > 1) {
        const auto method = values_.one_of(node.values[1], {"gate", "masq", "ipip"});
        sorry.way = Way{std::array{Dr, Nat, Tun}[method.value_or(0)], {}};
    }
    *fallback_ = sorry;
}

void Ldirectord::read_persistent(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    if (const auto time = values_.seconds(*word, 1, kMostSeconds)) {
        service_.persistence.emplace().timeout = *time;
    }
}

void Ldirectord::read_netmask(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    const auto mask = values_.mask(*word);
    const bool whole = mask == (word->text.find('.') != std::string::npos ? 32U : 128U);
    if (mask && !whole) mask_ = mask;
}

void Ldirectord::read_protocol(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    const auto which = values_.one_of(*word, {"tcp", "udp", "fwm"});
    if (!which) return;
    if ((*which == 2) != (service_.mark != 0)) {
        return findings_.error(word->at, "fwm belongs to a virtual by mark, tcp and udp to others");
    }
    if (*which == 2) return;
    for (auto& key : service_.listen) key.protocol = *which == 0 ? Protocol::Tcp : Protocol::Udp;
}

void Ldirectord::read_check_type(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    settings_.connects_between.reset();
    if (const auto number = parse_unsigned<std::uint32_t>(word->text)) {
        settings_.type = "negotiate";
        settings_.connects_between = values_.number(*word, 1, 1000);
        return;
    }
    const bool known = values_
                           .one_of(*word, {"connect", "negotiate", "ping", "external",
                                           "external-perl", "off", "on"})
                           .has_value();
    if (known) settings_.type = word->text;
}

void Ldirectord::read_check_port(const Node& node) {
    if (const auto word = value(node)) {
        settings_.port = values_.port(*word, Protocol::Tcp).value_or(0);
    }
}

// The service that is open is complete.
void Ldirectord::finish() {
    if (!std::exchange(open_, false)) return;
    if (!service_.sorry) service_.sorry = global_fallback_;
    if (service_.persistence) service_.persistence->mask = mask_;
    service_.quiesce = settings_.quiescent;
    if (!service_.listen.empty()) service_.name = service_name(service_.listen.front());
    if (!service_.servers.empty())
        service_.way = service_.servers.front().way.value_or(service_.way);
    for (std::size_t i = 0; i < service_.servers.size(); ++i) {
        ServerDraft& server = service_.servers[i];
        server.enabled = settings_.type != "off";
        LdirectordCheck check = settings_;
        if (!asked_[i].request.empty()) check.request = asked_[i].request;
        if (!asked_[i].receive.empty()) check.receive = asked_[i].receive;
        server.checks = checks_of(check, service_, i == 0 ? &findings_ : nullptr);
    }
    const bool named = !service_.listen.empty() || service_.mark != 0;
    if (named) draft_.services.push_back(std::move(service_));
    service_ = {};
    settings_ = globals_;
    fallback_ = &global_fallback_;
}

}  // namespace

Draft read_ldirectord(std::size_t file, Findings& findings, const Surroundings& surroundings) {
    Ldirectord reader(findings, surroundings);
    for_each_line(file, findings, [&](std::string_view line, Place at) { reader.line(line, at); });
    return std::move(reader).draft();
}

}  // namespace isobar::importer
