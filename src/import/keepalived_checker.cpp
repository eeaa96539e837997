// SPDX-License-Identifier: Apache-2.0
// Checkers of keepalived, with its defaults.
#include <array>
#include <limits>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/printable.h"
#include "base/text.h"
#include "import/directives.h"
#include "import/keepalived.h"
#include "model/dns_type.h"

namespace isobar::importer {
namespace {

using model::Check;
using std::chrono::milliseconds;

constexpr milliseconds kDelayLoop{60000};
constexpr milliseconds kConnectTimeout{5000};
constexpr double kLongestTime = 86400;

constexpr auto kNotHonoured = std::to_array<NotHonoured>({
    {"bindto", "checks leave by the director's own routes and addresses"},
    {"bind_if", "checks leave by the director's own routes and addresses"},
    {"bind_port", "checks leave by the director's own routes and addresses"},
    {"fwmark", "checks leave by the director's own routes and addresses"},
    {"log_all_failures", "isobard keeps each check's last results by itself"},
    {"fast_recovery", "all urls are asked each time here"},
    {"tls_compliant", "isobard ends TLS as RFC 8446 says"},
    {"regex_options", "body is a POSIX extended regular expression"},
    {"regex_stack", "body is a POSIX extended regular expression"},
    {"regex_min_offset", "body is looked for everywhere"},
    {"regex_max_offset", "body is looked for everywhere"},
    {"min_reply_length", "a reply may be as long as it likes"},
    {"max_reply_length", "a reply may be as long as it likes"},
});

// "Ab12f 3": each pair is a byte, a digit alone is one, too. Nothing: not such digits.
std::optional<std::string> bytes_of_hex(const std::vector<Word>& words) {
    std::string bytes;
    for (const Word& word : words) {
        for (std::size_t i = 0; i < word.text.size(); i += 2) {
            const auto byte =
                parse_unsigned<std::uint8_t>(std::string_view(word.text).substr(i, 2), 16);
            if (!byte) return std::nullopt;
            bytes += static_cast<char>(*byte);
        }
    }
    return bytes;
}

class Checker {
public:
    Checker(CheckerSettings settings, Values& values, Findings& findings)
        : settings_(std::move(settings)), values_(values), findings_(findings) {}

    void read(const Node& node, std::vector<Check>& into);

private:
    void read_word(const Node& node);
    void read_url(const Node& node);
    void read_url_word(const Node& node, model::HttpProbe& url);
    void read_status(const Node& node, model::HttpProbe& url);
    void read_program(const Node& node);
    void read_record_type(const Node& node);
    // The payload of a UDP check; nothing if isobar.toml cannot say it.
    std::optional<std::string> payload(const Node& node);
    void read_udp_reply(const Node& node);
    [[nodiscard]] std::string text(const Node& node);
    void finish(Check check, std::vector<Check>& into) const;

    CheckerSettings settings_;
    Values& values_;
    Findings& findings_;
    std::string type_;
    Check check_;
    std::vector<model::HttpProbe> urls_;
    bool http_1_0_ = true;
    bool sends_name_ = false;
    std::string sni_name_;
    std::optional<milliseconds> program_timeout_;
};

std::string Checker::text(const Node& node) {
    if (!node.values.empty()) return node.values.front().text;
    findings_.error(node.key.at, fmt::format("{} has no value", printable(node.key.text)));
    return {};
}

void Checker::read(const Node& node, std::vector<Check>& into) {
    type_ = node.key.text;
    if (type_ == "FILE_CHECK" || type_ == "BFD_CHECK") {
        return note_not_honoured(node,
                                 type_ == "FILE_CHECK" ? "isobar drain and weight do that by hand"
                                                       : "isobard has no BFD",
                                 findings_);
    }
    if (type_ == "SMTP_CHECK") check_.probe = model::SmtpProbe{};
    if (type_ == "DNS_CHECK") check_.probe = model::DnsProbe{};
    if (type_ == "PING_CHECK") check_.probe = model::PingProbe{};
    if (type_ == "UDP_CHECK") check_.probe = model::UdpProbe{};
    if (type_ == "MISC_CHECK") check_.probe = model::ProgramProbe{};
    for (const Node& child : node.children) read_word(child);

    if (const auto* program = std::get_if<model::ProgramProbe>(&check_.probe);
        program != nullptr && program->command.empty()) {
        return findings_.error(node.key.at, "this MISC_CHECK has no misc_path");
    }
    const bool http = type_ == "HTTP_GET" || type_ == "SSL_GET";
    if (!http) return finish(check_, into);
    if (urls_.empty()) return findings_.error(node.key.at, "this checker has no url");
    for (model::HttpProbe& url : urls_) {
        url.http_1_0 = http_1_0_;
        if (url.host.empty()) url.host = settings_.virtualhost;
        if (type_ == "SSL_GET") {
            url.tls.emplace();
            url.tls->server_name = !sni_name_.empty() ? sni_name_ : sends_name_ ? url.host : "";
        }
        check_.probe = url;
        finish(check_, into);
    }
}

void Checker::read_word(const Node& node) {
    const std::string_view key = node.key.text;
    if (read_setting(node, settings_, values_, findings_)) return;
    if (key == "connect_ip" && !node.values.empty()) {
        check_.address = values_.host(node.values.front());
    } else if (key == "connect_port" && !node.values.empty()) {
        check_.port = values_.port(node.values.front(), model::Protocol::Tcp).value_or(0);
    } else if (key == "host" && node.block) {  // of an old SMTP_CHECK
        for (const Node& child : node.children) read_word(child);
    } else if (key == "url") {
        read_url(node);
    } else if (key == "http_protocol") {
        http_1_0_ = text(node) != "1.1";
    } else if (key == "enable_sni") {
        sends_name_ = read_bool(node, findings_);
    } else if (key == "sni_name") {
        sni_name_ = text(node);
    } else if (auto* smtp = std::get_if<model::SmtpProbe>(&check_.probe);
               smtp != nullptr && key == "helo_name") {
        smtp->helo = text(node);
    } else if (key == "name" && type_ == "DNS_CHECK") {
        std::get<model::DnsProbe>(check_.probe).name = text(node);
    } else if (key == "type" && type_ == "DNS_CHECK") {
        read_record_type(node);
    } else if (type_ == "MISC_CHECK" && (key.starts_with("misc_") || key == "user")) {
        read_program(node);
    } else if (type_ == "UDP_CHECK" && key == "payload") {
        std::get<model::UdpProbe>(check_.probe).send = payload(node).value_or("");
    } else if (type_ == "UDP_CHECK" && key == "require_reply") {
        read_udp_reply(node);
    } else if (const auto reason = std::ranges::find(kNotHonoured, key, &NotHonoured::name);
               reason != kNotHonoured.end()) {
        note_not_honoured(node, reason->reason, findings_);
    } else {
        findings_.note(node.key.at,
                       fmt::format("unknown keyword '{}' in {}", printable(key), type_));
    }
}

void Checker::read_url(const Node& node) {
    model::HttpProbe& url = urls_.emplace_back();
    url.status = {{200, 299}};
    for (const Node& child : node.children) read_url_word(child, url);
}

void Checker::read_url_word(const Node& node, model::HttpProbe& url) {
    const std::string_view key = node.key.text;
    if (key == "path") {
        url.path = text(node);
        if (!url.path.starts_with('/')) {
            findings_.error(node.value_at(), "a path begins with '/'");
        }
    } else if (key == "digest") {
        url.digest = lower_case(text(node));
        const bool md5 = url.digest.size() == 32 &&
                         url.digest.find_first_not_of("0123456789abcdef") == std::string::npos;
        if (!md5) findings_.error(node.value_at(), "a digest is 32 hexadecimal digits, of MD5");
    } else if (key == "status_code") {
        read_status(node, url);
    } else if (key == "virtualhost") {
        url.host = text(node);
    } else if (key == "regex") {
        url.body = text(node);
    } else if (key == "regex_no_match") {
        url.body_absent = true;
    } else {
        read_word(node);
    }
}

void Checker::read_status(const Node& node, model::HttpProbe& url) {
    url.status.clear();
    for (const Word& word : node.values) {
        const std::size_t dash = word.text.find('-');
        const auto first = values_.number({word.text.substr(0, dash), word.at}, 100, 999);
        const auto last = dash == std::string::npos
                              ? first
                              : values_.number({word.text.substr(dash + 1), word.at}, 100, 999);
        if (!first || !last) continue;
        if (*first > *last) {
            findings_.error(word.at, fmt::format("{} is above {}", *first, *last));
            continue;
        }
        url.status.push_back(
            {static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)});
    }
    if (url.status.empty()) url.status = {{200, 299}};
}

void Checker::read_record_type(const Node& node) {
    const std::string type = text(node);
    if (const auto number = model::dns_type_named(type)) {
        std::get<model::DnsProbe>(check_.probe).type = *number;
        return;
    }
    findings_.error(node.value_at(), fmt::format("unknown type of record '{}'", printable(type)),
                    "A, NS, CNAME, SOA, MX, TXT, AAAA");
}

void Checker::read_program(const Node& node) {
    auto& program = std::get<model::ProgramProbe>(check_.probe);
    const std::string_view key = node.key.text;
    if (key == "misc_path") {
        const std::string command = text(node);
        program.command = arguments(command);
        if (const auto signs = shell_signs(command); !signs.empty()) {
            findings_.note(
                node.value_at(),
                fmt::format("programs run without a shell: {} are plain characters", signs),
                "if it needs a shell, let it be a script of its own");
        }
    } else if (key == "misc_timeout" && !node.values.empty()) {
        const auto time = values_.time(node.values.front(), 0, kLongestTime);
        if (time && time->count() > 0) program_timeout_ = time;
    } else if (key == "misc_dynamic") {
        program.sets_weight = read_bool(node, findings_);
    } else if (key == "user") {
        program.user = text(node);
        if (node.values.size() > 1) {
            findings_.note(node.values[1].at, "the group is not honoured: the user's own is taken");
        }
    } else {
        findings_.note(node.key.at,
                       fmt::format("unknown keyword '{}' in MISC_CHECK", printable(key)));
    }
}

std::optional<std::string> Checker::payload(const Node& node) {
    auto bytes = bytes_of_hex(node.values);
    if (bytes && is_utf8(*bytes)) return bytes;
    findings_.note(node.key.at,
                   fmt::format("{} is not honoured: isobar.toml has text only, and these bytes "
                               "are none",
                               printable(node.key.text)));
    return std::nullopt;
}

void Checker::read_udp_reply(const Node& node) {
    auto& udp = std::get<model::UdpProbe>(check_.probe);
    udp.require_reply = true;
    if (node.values.empty()) return;
    if (auto expected = payload(node)) {
        udp.expect = model::Expectation{std::move(*expected), model::Expectation::Match::Prefix};
    }
}

void Checker::finish(Check check, std::vector<Check>& into) const {
    const bool dns = type_ == "DNS_CHECK";
    const bool http = type_ == "HTTP_GET" || type_ == "SSL_GET";
    const bool program = type_ == "MISC_CHECK";
    check.interval = settings_.delay_loop.value_or(kDelayLoop);
    check.timeout = program ? program_timeout_.value_or(check.interval)
                            : settings_.connect_timeout.value_or(kConnectTimeout);
    check.retries = settings_.retry.value_or(dns ? 3 : program ? 0 : 1);
    check.retry_delay = settings_.delay_before_retry.value_or(
        dns ? check.interval : milliseconds(http ? 3000 : 1000));
    check.begins_up = !settings_.alpha.value_or(false);
    into.push_back(std::move(check));
}

}  // namespace

bool read_bool(const Node& node, Findings& findings) {
    if (node.values.empty()) return true;
    const std::string word = lower_case(node.values.front().text);
    if (word == "on" || word == "true" || word == "yes") return true;
    if (word != "off" && word != "false" && word != "no") {
        findings.error(node.value_at(), fmt::format("'{}' is neither yes nor no", printable(word)),
                       "on, off, true, false, yes, no");
    }
    return false;
}

bool read_setting(const Node& node, CheckerSettings& into, Values& values, Findings& findings) {
    const std::string_view key = node.key.text;
    std::optional<milliseconds>* time = key == "delay_loop"           ? &into.delay_loop
                                        : key == "connect_timeout"    ? &into.connect_timeout
                                        : key == "delay_before_retry" ? &into.delay_before_retry
                                                                      : nullptr;
    if (key == "alpha") {
        into.alpha = read_bool(node, findings);
        return true;
    }
    const bool retry = key == "retry" || key == "nb_get_retry";
    const bool warmup = key == "warmup";
    if (time == nullptr && !retry && !warmup && key != "virtualhost") return false;
    if (node.values.empty()) {
        findings.error(node.key.at, fmt::format("{} has no value", key));
    } else if (retry) {
        into.retry = values.number(node.values.front(), 0, 1000000);
    } else if (key == "virtualhost") {
        into.virtualhost = node.values.front().text;
    } else if (warmup) {
        note_not_honoured(node, "isobard spreads the first checks by itself", findings);
    } else {
        const double least = key == "delay_before_retry" ? 0 : 0.001;
        *time = values.time(node.values.front(), least, kLongestTime);
    }
    return true;
}

bool is_checker(const Node& node) {
    constexpr auto kCheckers = std::to_array<std::string_view>(
        {"TCP_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK", "DNS_CHECK", "MISC_CHECK", "BFD_CHECK",
         "UDP_CHECK", "PING_CHECK", "FILE_CHECK"});
    return std::ranges::find(kCheckers, std::string_view(node.key.text)) != kCheckers.end();
}

void read_checker(const Node& node, const CheckerSettings& settings, Values& values,
                  Findings& findings, std::vector<Check>& into) {
    Checker(settings, values, findings).read(node, into);
}

}  // namespace isobar::importer
