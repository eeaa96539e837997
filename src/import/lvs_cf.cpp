// SPDX-License-Identifier: Apache-2.0
// Piranha's lvs.cf. Defaults are those of its code, where its man page has others: a service and
// a server are off without `active = 1`, and there is no load_monitor.
#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "import/directives.h"
#include "import/formats.h"
#include "import/lvs_cf_syntax.h"
#include "import/values.h"

namespace isobar::importer {
namespace {

using model::Check;
using model::Expectation;
using model::Protocol;
using std::chrono::seconds;

constexpr std::uint32_t kMostTime = 86400;  // of a check, as long as anybody waits
constexpr model::Port kWeb = 80;
// nanny lets a server in with 1/32 of its weight and doubles that every 20 s.
constexpr seconds kPiranhaStart{100};
constexpr seconds kPiranhaLoadInterval{20};

constexpr auto kGlobalsNotHonoured = std::to_array<NotHonoured>({
    {"serial_no", "isobard numbers what it applies by itself"},
    {"primary", kFailover},
    {"primary_private", kFailover},
    {"primary_shared", kFailover},
    {"backup", kFailover},
    {"backup_private", kFailover},
    {"backup_shared", kFailover},
    {"backup_active", kFailover},
    {"heartbeat", kFailover},
    {"heartbeat_port", kFailover},
    {"keepalive", kFailover},
    {"deadtime", kFailover},
    {"nat_router", kFailover},
    {"nat_nmask", kFailover},
    {"monitor_links", kFailover},
    {"hard_shutdown", kOwnProcess},
    {"syncdaemon", "the connections of a partner come with failover"},
    {"syncd_iface", "the connections of a partner come with failover"},
    {"syncd_id", "the connections of a partner come with failover"},
    {"active_cmd", kFailover},
    {"inactive_cmd", kFailover},
    {"reservation_conflict_action", "isobard shares no disk with a partner"},
    {"debug_level", "Piranha does not honour it either"},
    {"debug", "Piranha does not honour it either"},
    {"ipvsadm", "isobard runs no ipvsadm"},
    {"sync", "isobard copies no files to a partner"},
    {"failover", kFailover},
});

constexpr auto kVirtualNotHonoured = std::to_array<NotHonoured>({
    {"vip_nmask", "bringing addresses up comes with failover"},
    {"client_monitor", "isobard checks by itself"},
    {"master", "isobard copies no files to real servers"},
    {"dirs", "isobard copies no files to real servers"},
});

// What a virtual block says about its checks, until all of it is known.
struct Asked {
    std::optional<Word> send, expect, program;
    bool regex = false;
    seconds timeout{10};
    seconds reentry{180};
};

std::string text_of(const Node& node) {
    std::string text;
    for (const Word& word : node.values) text += (text.empty() ? "" : " ") + word.text;
    return text;
}

class LvsCf {
public:
    LvsCf(Findings& findings, const Surroundings& surroundings)
        : findings_(findings), values_(findings, surroundings) {}

    Draft read(const std::vector<Node>& nodes);

private:
    // ---- globals ----
    void read_service_kind(const Node& node);
    void read_network(const Node& node);
    void read_remote_shell(const Node& node);
    void read_tcp_timeout(const Node& node) { read_timeout(node, draft_.timeouts.tcp); }
    void read_tcpfin_timeout(const Node& node) { read_timeout(node, draft_.timeouts.tcp_fin); }
    void read_udp_timeout(const Node& node) { read_timeout(node, draft_.timeouts.udp); }
    void read_timeout(const Node& node, std::optional<seconds>& into);
    void read_virtual(const Node& node);

    // ---- of a virtual block ----
    void read_active(const Node& node) { read_truth(node, service_.enabled); }
    void read_address(const Node& node);
    void read_sorry(const Node& node);
    void read_mark(const Node& node);
    void read_protocol(const Node& node);
    void read_port(const Node& node) { port_ = value(node); }
    void read_scheduler(const Node& node);
    void read_persistent(const Node& node);
    void read_mask(const Node& node);
    void read_send(const Node& node) { read_text(node, asked_.send); }
    void read_expect(const Node& node) { read_text(node, asked_.expect); }
    void read_program(const Node& node) { read_text(node, asked_.program); }
    void read_regex(const Node& node) { read_truth(node, asked_.regex); }
    void read_check_timeout(const Node& node) { read_seconds(node, asked_.timeout); }
    void read_reentry(const Node& node) { read_seconds(node, asked_.reentry); }
    void read_load_monitor(const Node& node);
    void read_quiesce(const Node& node) { read_truth(node, service_.quiesce); }
    void read_server(const Node& node);

    // ---- of a server block ----
    void read_server_address(const Node& node);
    void read_server_active(const Node& node) { read_truth(node, server_.enabled); }
    void read_server_port(const Node& node) { server_port_ = value(node); }
    void read_weight(const Node& node);

    std::optional<Word> value(const Node& node);
    void read_truth(const Node& node, bool& into);
    void read_text(const Node& node, std::optional<Word>& into);
    void read_seconds(const Node& node, seconds& into);
    void finish_virtual();
    void add_check(model::Port port);
    [[nodiscard]] std::optional<Expectation> expectation() const;
    model::Probe probe(Protocol protocol, model::Port port);
    void finish_globals();

    static const std::array<Directive<LvsCf>, 7> kGlobals;
    static const std::array<Directive<LvsCf>, 19> kVirtual;
    static const std::array<Directive<LvsCf>, 4> kServer;

    Findings& findings_;
    Values values_;
    Draft draft_;
    model::ForwardingMethod network_ = model::ForwardingMethod::Nat;
    std::string remote_shell_ = "rsh";
    bool failover_services_ = false;
    Place service_kind_at_;

    ServiceDraft service_;
    std::optional<model::Address> address_;
    std::optional<Word> port_;
    Protocol protocol_ = Protocol::Tcp;
    Asked asked_;

    ServerDraft server_;
    std::optional<Word> server_port_;
    bool server_has_address_ = false;
};

const std::array<Directive<LvsCf>, 7> LvsCf::kGlobals{{
    {"service", &LvsCf::read_service_kind},
    {"network", &LvsCf::read_network},
    {"rsh_command", &LvsCf::read_remote_shell},
    {"tcp_timeout", &LvsCf::read_tcp_timeout},
    {"tcpfin_timeout", &LvsCf::read_tcpfin_timeout},
    {"udp_timeout", &LvsCf::read_udp_timeout},
    {"virtual", &LvsCf::read_virtual},
}};

const std::array<Directive<LvsCf>, 19> LvsCf::kVirtual{{
    {"active", &LvsCf::read_active},
    {"address", &LvsCf::read_address},
    {"sorry_server", &LvsCf::read_sorry},
    {"fwmark", &LvsCf::read_mark},
    {"protocol", &LvsCf::read_protocol},
    {"port", &LvsCf::read_port},
    {"scheduler", &LvsCf::read_scheduler},
    {"persistent", &LvsCf::read_persistent},
    {"pmask", &LvsCf::read_mask},
    {"send", &LvsCf::read_send},
    {"expect", &LvsCf::read_expect},
    {"send_program", &LvsCf::read_program},
    {"use_regex", &LvsCf::read_regex},
    {"timeout", &LvsCf::read_check_timeout},
    {"reentry", &LvsCf::read_reentry},
    {"load_monitor", &LvsCf::read_load_monitor},
    {"quiesce_server", &LvsCf::read_quiesce},
    {"server", &LvsCf::read_server},
    {"virtual", &LvsCf::read_virtual},
}};

const std::array<Directive<LvsCf>, 4> LvsCf::kServer{{
    {"address", &LvsCf::read_server_address},
    {"active", &LvsCf::read_server_active},
    {"port", &LvsCf::read_server_port},
    {"weight", &LvsCf::read_weight},
}};

Draft LvsCf::read(const std::vector<Node>& nodes) {
    // Globals may stand behind the blocks that they are about.
    for (const bool blocks : {false, true}) {
        for (const Node& node : nodes) {
            if (node.block != blocks) continue;
            read_directive<LvsCf>(*this, node, kGlobals, kGlobalsNotHonoured, Unknown::IsError,
                                  findings_);
        }
    }
    finish_globals();
    return std::move(draft_);
}

// Exactly one value, or an error.
std::optional<Word> LvsCf::value(const Node& node) {
    if (!node.values.empty()) return node.values.front();
    findings_.error(node.key.at, fmt::format("{} has no value", printable(node.key.text)));
    return std::nullopt;
}

void LvsCf::read_truth(const Node& node, bool& into) {
    const auto word = value(node);
    if (!word) return;
    if (const auto which = values_.one_of(*word, {"0", "1"})) into = *which == 1;
}

void LvsCf::read_text(const Node& node, std::optional<Word>& into) {
    auto word = value(node);
    if (!word) return;
    word->text = text_of(node);  // without quotes it may be several words
    into = std::move(word);
}

void LvsCf::read_seconds(const Node& node, seconds& into) {
    const auto word = value(node);
    if (!word) return;
    if (const auto time = values_.seconds(*word, 1, kMostTime)) into = *time;
}

// ---- globals ----

void LvsCf::read_service_kind(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    const auto which = values_.one_of(*word, {"lvs", "fos"});
    failover_services_ = which == 1U;
    service_kind_at_ = word->at;
}

void LvsCf::read_network(const Node& node) {
    using enum model::ForwardingMethod;
    const auto word = value(node);
    if (!word) return;
    const auto which = values_.one_of(*word, {"nat", "direct", "tunnel"});
    if (which) network_ = std::array{Nat, Dr, Tun}[*which];
}

void LvsCf::read_remote_shell(const Node& node) {
    const auto word = value(node);
    if (word && values_.one_of(*word, {"rsh", "ssh"})) remote_shell_ = word->text;
}

// 0 leaves what is there.
void LvsCf::read_timeout(const Node& node, std::optional<seconds>& into) {
    const auto word = value(node);
    if (!word) return;
    const auto time = values_.seconds(*word, 0, kMostSeconds);
    if (!time || time->count() == 0) return;
    into = time;
    draft_.timeouts.origins.push_back({node.key.at, node.words()});
}

void LvsCf::finish_globals() {
    if (!failover_services_) return;
    findings_.error(service_kind_at_, "service = fos has nothing for a load balancer to do",
                    "failover of services comes with failover");
}

// ---- virtual ----

void LvsCf::read_virtual(const Node& node) {
    if (!node.block || !service_.origin.words.empty()) {
        return findings_.error(node.key.at, "a virtual block stands by itself",
                               "as in: virtual web {");
    }
    service_.origin = {node.key.at, node.words()};
    service_.name = node.values.empty() ? "" : node.values.front().text;
    service_.enabled = false;
    service_.way.method = network_;
    for (const Node& child : node.children) {
        read_directive<LvsCf>(*this, child, kVirtual, kVirtualNotHonoured, Unknown::IsError,
                              findings_);
    }
    finish_virtual();
    service_ = {};
    address_.reset();
    port_.reset();
    protocol_ = Protocol::Tcp;
    asked_ = {};
}

void LvsCf::read_address(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    address_ = values_.host(*word);
    if (node.values.size() > 1) {
        findings_.note(node.values[1].at,
                       fmt::format("{} is not honoured: bringing addresses up comes with failover",
                                   printable(node.values[1].text)));
    }
}

void LvsCf::read_sorry(const Node& node) {
    const auto word = value(node);
    if (!word || word->text == "0.0.0.0") return;
    if (const auto host = values_.host(*word)) {
        service_.sorry = SorryDraft{{*host, 0}, std::nullopt, node.key.at};
    }
}

void LvsCf::read_mark(const Node& node) {
    const auto word = value(node);
    if (!word || word->text == "0") return;
    service_.mark = values_.mark(*word).value_or(0);
}

void LvsCf::read_protocol(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    if (const auto which = values_.one_of(*word, {"tcp", "udp"})) {
        protocol_ = *which == 0 ? Protocol::Tcp : Protocol::Udp;
    }
}

void LvsCf::read_scheduler(const Node& node) {
    const auto word = value(node);
    if (word) service_.scheduler = values_.scheduler(*word).value_or(service_.scheduler);
}

void LvsCf::read_persistent(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    const auto time = values_.seconds(*word, 0, kMostSeconds);
    if (!time || time->count() == 0) return;
    if (!service_.persistence) service_.persistence.emplace();
    service_.persistence->timeout = *time;
}

void LvsCf::read_mask(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    const auto mask = values_.mask(*word);
    // Without `persistent`, which may follow, it means nothing.
    const bool persistent = service_.persistence.has_value();
    if (!mask || *mask == 32) return;
    if (!persistent) service_.persistence = PersistenceDraft{seconds(0), mask, false};
    service_.persistence->mask = mask;
}

void LvsCf::read_load_monitor(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    const auto which = values_.one_of(*word, {"none", "uptime", "rup", "ruptime"});
    if (!which || *which == 0) return;
    LoadDraft load{word->text, {}, {}, kPiranhaLoadInterval};
    if (word->text == "uptime") {
        load.command = {remote_shell_};
        load.user = "root";  // as nanny, with root's keys
    }
    service_.load = std::move(load);
}

// ---- server ----

void LvsCf::read_server(const Node& node) {
    if (!node.block) return findings_.error(node.key.at, "a server is a block: server NAME {");
    server_ = {};
    server_.origin = {node.key.at, node.words()};
    if (!node.values.empty()) server_.host = node.values.front().text;
    server_.enabled = false;
    server_port_.reset();
    server_has_address_ = false;
    for (const Node& child : node.children) {
        read_directive<LvsCf>(*this, child, kServer, {}, Unknown::IsError, findings_);
    }
    if (!server_has_address_) findings_.error(node.key.at, "this server has no address");
    if (server_port_) {
        const auto port = values_.port(*server_port_, protocol_);
        server_.address.port = port.value_or(0);
    }
    service_.servers.push_back(std::move(server_));
}

void LvsCf::read_server_address(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    server_has_address_ = true;
    if (const auto host = values_.host(*word)) server_.address.address = *host;
}

void LvsCf::read_weight(const Node& node) {
    const auto word = value(node);
    if (!word) return;
    server_.weight = values_.number(*word, 0, model::kMaxWeight).value_or(server_.weight);
}

// ---- what a virtual block comes to ----

void LvsCf::finish_virtual() {
    if (service_.persistence && service_.persistence->timeout.count() == 0) {
        service_.persistence.reset();
    }
    const auto port = port_ ? values_.port(*port_, protocol_).value_or(0) : kWeb;
    if (service_.mark == 0) {
        if (address_) {
            service_.listen.push_back({protocol_, {*address_, port}});
        } else if (findings_.clean()) {
            findings_.error(service_.origin.at,
                            "this virtual server has neither address nor fwmark");
        }
    }
    add_check(port);
    const bool starts_slowly = std::ranges::any_of(
        service_.servers, [](const ServerDraft& server) { return server.weight > 1; });
    if (starts_slowly || service_.load) service_.slow_start = kPiranhaStart;
    draft_.services.push_back(std::move(service_));
}

void LvsCf::add_check(model::Port port) {
    Check check;
    check.probe = probe(protocol_, port);
    check.interval = asked_.timeout;
    check.timeout = asked_.timeout;
    check.reentry = asked_.reentry;
    check.retries = 0;
    service_.checks = {check};
    if (service_.mark == 0 || std::holds_alternative<model::ProgramProbe>(check.probe)) return;
    // A mark has no port: nanny asks at that of the block.
    service_.checks.front().port = port;
    for (ServerDraft& server : service_.servers) {
        if (server.address.port != 0) server.checks = {check};
    }
}

std::optional<Expectation> LvsCf::expectation() const {
    if (!asked_.expect || asked_.expect->text == "none") return std::nullopt;
    return Expectation{asked_.expect->text,
                       asked_.regex ? Expectation::Match::Regex : Expectation::Match::Prefix};
}

model::Probe LvsCf::probe(Protocol protocol, model::Port port) {
    const auto given = [](const std::optional<Word>& word) -> const Word* {
        return word && word->text != "none" && !word->text.empty() ? &*word : nullptr;
    };
    const auto expect = expectation();
    if (const Word* asked = given(asked_.program)) {
        model::ProgramProbe program;
        program.command = arguments(asked->text);
        if (expect) program.expect = expect->text;
        service_.remarks.emplace_back(
            "Its program is bad if it dies or hangs. With nanny that counted as good.");
        findings_.note(asked->at, "send_program runs as nobody here, not as root",
                       "if it needs more: user = \"...\" in its check");
        if (const auto signs = shell_signs(asked->text); !signs.empty()) {
            findings_.note(asked->at,
                           fmt::format("send_program is run without a shell: {} are plain "
                                       "characters",
                                       signs));
        }
        return program;
    }
    const Word* sent = given(asked_.send);
    const std::string send = sent != nullptr ? sent->text : "";
    if (protocol == Protocol::Udp) return model::UdpProbe{send, expect, expect.has_value()};
    if (!send.empty() || expect) return model::TalkProbe{send, expect};
    if (port != kWeb) return model::TcpProbe{};
    return model::TalkProbe{"GET / HTTP/1.0\r\n\r\n",
                            Expectation{"HTTP", Expectation::Match::Prefix}};
}

}  // namespace

Draft read_lvs_cf(std::size_t file, Findings& findings, const Surroundings& surroundings) {
    const auto nodes = parse_lvs_cf(file, findings);
    return LvsCf(findings, surroundings).read(nodes);
}

}  // namespace isobar::importer
