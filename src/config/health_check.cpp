// SPDX-License-Identifier: Apache-2.0
#include "config/health_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <regex.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/printable.h"
#include "base/text.h"
#include "config/address_kind.h"
#include "model/dns_type.h"

namespace isobar::config {
namespace {

using model::Check;
using model::HttpProbe;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Type : std::uint8_t { Tcp, Tls, Http, Https, Talk, Udp, Dns, Smtp, Ping, Program };
constexpr std::array kTypes{"tcp", "tls", "http", "https", "talk",
                            "udp", "dns", "smtp", "ping",  "program"};

constexpr std::size_t kLongestText = 4096;
constexpr milliseconds kShortest{100};
constexpr milliseconds kLongest = hours(24);

// Which types a key belongs to; those that are not listed belong to all.
struct Belongs {
    std::string_view key;
    std::vector<Type> types;
};
const std::vector<Belongs>& belongings() {
    using enum Type;
    static const std::vector<Type> tls{Tls, Https}, http{Http, Https};
    static const std::vector<Belongs> all{{"verify", tls},
                                          {"server_name", tls},
                                          {"ca_file", tls},
                                          {"expiry_warning", tls},
                                          {"method", http},
                                          {"path", http},
                                          {"host", http},
                                          {"version", http},
                                          {"headers", http},
                                          {"status", http},
                                          {"body", http},
                                          {"body_absent", http},
                                          {"digest", http},
                                          {"most_bytes", http},
                                          {"send", {Talk, Udp}},
                                          {"expect", {Talk, Udp, Program}},
                                          {"expect_regex", {Talk, Udp}},
                                          {"require_reply", {Udp}},
                                          {"name", {Dns}},
                                          {"query", {Dns}},
                                          {"require_answer", {Dns}},
                                          {"helo", {Smtp}},
                                          {"command", {Program}},
                                          {"sets_weight", {Program}},
                                          {"user", {Program}}};
    return all;
}

std::string names_of(const std::vector<Type>& types) {
    std::vector<std::string_view> names;
    names.reserve(types.size());
    for (const Type type : types) names.emplace_back(kTypes.at(static_cast<std::size_t>(type)));
    return fmt::format("{}", fmt::join(names, ", "));
}

struct CheckDraft {
    std::optional<Type> type;
    // when
    milliseconds interval = Check{}.interval;
    milliseconds timeout = Check{}.timeout;
    std::uint32_t rise = Check{}.rise;
    std::uint32_t fall = Check{}.fall;
    std::uint32_t retries = Check{}.retries;
    milliseconds retry_delay = Check{}.retry_delay;
    milliseconds reentry = Check{}.reentry;
    bool begins_up = Check{}.begins_up;
    std::optional<model::Address> address;
    std::uint32_t port = 0;
    bool through_service = false;
    // tls, http
    bool verify = model::TlsProbe{}.verify;
    std::string server_name, ca_file;
    seconds expiry_warning = model::TlsProbe{}.expiry_warning;
    std::string method = HttpProbe{}.method;
    std::string path = HttpProbe{}.path;
    std::string host;
    bool http_1_0 = false;
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<model::StatusRange> status = HttpProbe{}.status;
    std::optional<Located<std::string>> body, body_absent;
    std::string digest;
    std::uint32_t most_bytes = HttpProbe{}.most_bytes;
    // talk, udp, program
    std::string send;
    std::optional<Located<std::string>> expect, expect_regex;
    bool require_reply = false;
    // dns, smtp
    std::string name = model::DnsProbe{}.name;
    std::uint16_t query = model::DnsProbe{}.type;
    bool require_answer = false;
    std::string helo = model::SmtpProbe{}.helo;
    // program
    std::vector<std::string> command;
    bool sets_weight = false;
    std::string user = model::ProgramProbe{}.user;
};

// ---- kinds ----

Kind<Type> type_kind() {
    Words words;
    std::vector<Type> values;
    for (std::size_t i = 0; i < kTypes.size(); ++i) {
        words.now.emplace_back(kTypes.at(i));
        values.push_back(static_cast<Type>(i));
    }
    return choice<Type>(words, values);
}

Kind<std::string> regex() {
    auto kind = text("POSIX extended regular expression", kLongestText);
    kind.read = [read = kind.read](const Value& value,
                                   Reading& reading) -> std::optional<std::string> {
        auto got = read(value, reading);
        if (!got) return got;
        regex_t compiled;
        const int failed = ::regcomp(&compiled, got->c_str(), REG_EXTENDED | REG_NOSUB);
        if (failed == 0 && got->find('\0') == std::string::npos) {
            ::regfree(&compiled);
            return got;
        }
        std::array<char, 128> why{"a zero byte in it"};
        if (failed != 0) ::regerror(failed, &compiled, why.data(), why.size());
        if (failed == 0) ::regfree(&compiled);
        reading.error(value.at, fmt::format("'{}' is not a regular expression: {}", printable(*got),
                                            why.data()));
        return std::nullopt;
    };
    return kind;
}

Kind<std::string> digest() {
    auto kind = text("32 hexadecimal digits (MD5) or 64 (SHA-256)", 64);
    kind.read = [](const Value& value, Reading& reading) -> std::optional<std::string> {
        const auto* text = value.as<std::string>();
        const bool hex = text != nullptr &&
                         text->find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
        if (hex && (text->size() == 32 || text->size() == 64)) return *text;
        if (text == nullptr)
            reading.wrong_type(value, "text", "32 or 64 hexadecimal digits");
        else
            reading.error(value.at, fmt::format("'{}' is no digest", printable(*text)),
                          "32 hexadecimal digits (MD5) or 64 (SHA-256)");
        return std::nullopt;
    };
    return kind;
}

std::optional<std::uint16_t> status_code(std::string_view text) {
    const auto code = parse_unsigned<std::uint16_t>(text);
    return code && *code >= 100 && *code <= 599 ? code : std::nullopt;
}

// 200, "200" or "200-399"
Kind<model::StatusRange> status_range() {
    Kind<model::StatusRange> kind{"number or text", "", "100 to 599, or \"200-399\"", {}, {}, {}};
    kind.read = [](const Value& value, Reading& reading) -> std::optional<model::StatusRange> {
        const auto* number = value.as<std::int64_t>();
        const auto* quoted = value.as<std::string>();
        if (number == nullptr && quoted == nullptr) {
            reading.wrong_type(value, "a status code", "200, or \"200-399\"");
            return std::nullopt;
        }
        const std::string text = number != nullptr ? std::to_string(*number) : *quoted;
        const auto dash = text.find('-', 1);
        const auto first = status_code(text.substr(0, dash));
        const auto last = dash == std::string::npos ? first : status_code(text.substr(dash + 1));
        if (first && last && *first <= *last) return model::StatusRange{*first, *last};
        reading.error(value.at, fmt::format("'{}' is no status code", printable(text)),
                      "100 to 599, or from one to another: \"200-399\"");
        return std::nullopt;
    };
    return kind;
}

// RFC 9110, 5.6.2
bool is_token(std::string_view text) {
    const std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               others.find(c) != std::string_view::npos;
    });
}

// { "X-Check" = "isobar" }
Kind<std::vector<std::pair<std::string, std::string>>> headers() {
    using Headers = std::vector<std::pair<std::string, std::string>>;
    Kind<Headers> kind{"table: text", "", "names and values", {}, {}, {}};
    kind.read = [line = one_line("value of a header")](const Value& value,
                                                       Reading& reading) -> std::optional<Headers> {
        const auto* table = value.as<Table>();
        if (table == nullptr) {
            reading.wrong_type(value, "a table", "write { X-Check = \"isobar\" }");
            return std::nullopt;
        }
        Headers all;
        for (const Entry& entry : *table) {
            if (!is_token(entry.key))
                reading.error(entry.at,
                              fmt::format("'{}' cannot name a header", printable(entry.key)));
            else if (auto said = line.read(entry.value, reading))
                all.emplace_back(entry.key, std::move(*said));
        }
        return all;
    };
    return kind;
}

Kind<std::uint16_t> query() {
    Words words;
    std::vector<std::uint16_t> values;
    for (const auto& type : model::kDnsTypes) {
        words.now.emplace_back(type.name);
        values.push_back(type.number);
    }
    return choice<std::uint16_t>(words, values);
}

// ---- the table ----

std::vector<Field<CheckDraft>> timing_fields() {
    using D = CheckDraft;
    const auto time = fine_duration(kShortest, kLongest);
    const auto pause = fine_duration(milliseconds(0), kLongest);
    const auto times = number(1, 1000, "");
    return {
        optional("interval", &D::interval, time, "How often."),
        optional("timeout", &D::timeout, time, "How long one attempt may take in all."),
        optional("rise", &D::rise, times, "So many good ones in a row bring a server in."),
        optional("fall", &D::fall, times, "So many bad ones in a row take it out."),
        optional("retries", &D::retries, number(0, 100, ""),
                 "After a failed attempt, how many more before it counts as a bad one."),
        optional("retry_delay", &D::retry_delay, pause, "How long after the failed one."),
        optional("reentry", &D::reentry, pause,
                 "A server that was taken out must be good for so long before it is in again."),
        optional("begins_up", &D::begins_up, boolean(),
                 "Whether a server gets traffic before its first check has ended. If not, it is "
                 "unknown until then and gets none."),
        optional("address", &D::address, host_address(), "Where to, if not to the server.",
                 "that of the server"),
        optional("port", &D::port, number(1, 65535, ""),
                 "Which port, if not the server's. Needed where server and service have none.",
                 "that of the server"),
        optional(
            "through", &D::through_service,
            choice<bool>({{"direct", "service"}, {}}, {false, true}),
            "Which way: straight to the server, or (service) to the virtual address and then as "
            "the service forwards, to this very server. Then it also tells whether forwarding "
            "works. Not for ping and program."),
    };
}

std::vector<Field<CheckDraft>> web_fields() {
    using D = CheckDraft;
    return {
        optional("verify", &D::verify, boolean(),
                 "tls, https: whether the certificate must be valid, for server_name."),
        optional("server_name", &D::server_name, one_line("a name"),
                 "tls, https: the name that is asked for (SNI) and verified.", "none"),
        optional("ca_file", &D::ca_file, one_line("a path"),
                 "tls, https: who may have signed it, as PEM.", "those that the system trusts"),
        optional("expiry_warning", &D::expiry_warning, duration(seconds(0), hours(366 * 24)),
                 "tls, https: a certificate that ends within this is warned about."),
        optional("method", &D::method, one_line("a method"), "http, https: the request's method."),
        optional("path", &D::path, one_line("a path"), "http, https: what is asked for."),
        optional("host", &D::host, one_line("a name"), "http, https: the header Host.",
                 "the address"),
        optional("version", &D::http_1_0, choice<bool>({{"1.0", "1.1"}, {}}, {true, false}),
                 "http, https: of HTTP."),
        optional("headers", &D::headers, headers(), "http, https: more headers.", "none"),
        optional("status", &D::status, not_empty(list_of(status_range()), "as in [\"200-399\"]"),
                 "http, https: codes that are good.", "[\"200-399\"]"),
        optional("body", &D::body, located(regex()), "http, https: must be found in the body.",
                 "none"),
        optional("body_absent", &D::body_absent, located(regex()),
                 "http, https: must not be found in the body.", "none"),
        optional("digest", &D::digest, digest(), "http, https: MD5 or SHA-256 of the body.",
                 "none"),
        optional("most_bytes", &D::most_bytes, number(1, 65536, "bytes"),
                 "http, https: a longer answer is bad."),
    };
}

std::vector<Field<CheckDraft>> other_fields() {
    using D = CheckDraft;
    return {
        optional("send", &D::send, text("any text", kLongestText),
                 "talk, udp: what is sent; \\r\\n and the like as in TOML.", "nothing"),
        optional("expect", &D::expect, located(text("any text", kLongestText)),
                 "talk, udp: what the answer begins with, \"*\" for any. program: its whole "
                 "output.",
                 "none"),
        optional("expect_regex", &D::expect_regex, located(regex()),
                 "talk, udp: is found in the answer.", "none"),
        optional("require_reply", &D::require_reply, boolean(),
                 "udp: whether silence is bad. If not, only an ICMP error is."),
        optional("name", &D::name, one_line("a name"), "dns: what is asked about."),
        optional("query", &D::query, query(), "dns: which type."),
        optional("require_answer", &D::require_answer, boolean(),
                 "dns: whether there must be a record in the answer."),
        optional("helo", &D::helo, one_line("a name"), "smtp: who asks."),
        optional("command", &D::command, program(),
                 "program: its path and its arguments, in which %h is the server's address and %p "
                 "its port. Exit code 0 is good.",
                 "none"),
        optional("sets_weight", &D::sets_weight, boolean(),
                 "program: whether an exit code from 2 on is good, and sets the weight to two "
                 "less."),
        optional("user", &D::user, one_line("a user"), "program: who it runs as."),
    };
}

void check_belonging(const Table& table, Type type, Reading& reading) {
    for (const Entry& entry : table) {
        const auto& all = belongings();
        const auto of = std::ranges::find(all, entry.key, &Belongs::key);
        if (of == all.end() || std::ranges::find(of->types, type) != of->types.end()) continue;
        reading.error(entry.at,
                      fmt::format("'{}' does not belong to type = \"{}\"", entry.key,
                                  kTypes.at(static_cast<std::size_t>(type))),
                      "it belongs to " + names_of(of->types));
    }
}

// Two keys of which only one may be there.
template <typename V>
void check_either(const char* key, const std::optional<Located<V>>& one, const char* other_key,
                  const std::optional<Located<V>>& other, Reading& reading) {
    if (one && other)
        reading.error(other->at, fmt::format("{} and {} cannot both be", key, other_key));
}

// ---- the value ----

model::TlsProbe tls_of(const CheckDraft& draft) {
    return {draft.verify, draft.server_name, draft.ca_file,
            std::chrono::floor<std::chrono::days>(draft.expiry_warning)};
}

HttpProbe http_of(const CheckDraft& draft, bool tls) {
    HttpProbe http;
    if (tls) http.tls = tls_of(draft);
    http.method = draft.method;
    http.path = draft.path;
    http.host = draft.host;
    http.http_1_0 = draft.http_1_0;
    http.headers = draft.headers;
    http.status = draft.status;
    const auto& body = draft.body_absent ? draft.body_absent : draft.body;
    if (body) http.body = body->value;
    http.body_absent = draft.body_absent.has_value();
    http.digest = draft.digest;
    http.most_bytes = draft.most_bytes;
    return http;
}

std::optional<model::Expectation> expectation_of(const CheckDraft& draft) {
    using Match = model::Expectation::Match;
    if (draft.expect) return model::Expectation{draft.expect->value, Match::Prefix};
    if (draft.expect_regex) return model::Expectation{draft.expect_regex->value, Match::Regex};
    return std::nullopt;
}

model::ProgramProbe program_of(const CheckDraft& draft) {
    model::ProgramProbe program{draft.command, {}, draft.sets_weight, draft.user};
    if (draft.expect) program.expect = draft.expect->value;
    return program;
}

model::Probe probe_of(Type type, const CheckDraft& draft) {
    switch (type) {
        case Type::Tls:
            return tls_of(draft);
        case Type::Http:
        case Type::Https:
            return http_of(draft, type == Type::Https);
        case Type::Talk:
            return model::TalkProbe{draft.send, expectation_of(draft)};
        case Type::Udp:
            return model::UdpProbe{draft.send, expectation_of(draft), draft.require_reply};
        case Type::Dns:
            return model::DnsProbe{draft.name, draft.query, draft.require_answer};
        case Type::Smtp:
            return model::SmtpProbe{draft.helo};
        case Type::Ping:
            return model::PingProbe{};
        case Type::Program:
            return program_of(draft);
        case Type::Tcp:
            break;
    }
    return model::TcpProbe{};
}

std::optional<Check> check_of(const CheckDraft& draft, const Value& value, Reading& reading) {
    if (!draft.type) return std::nullopt;  // has its own error
    check_belonging(*value.as<Table>(), *draft.type, reading);
    check_either("body", draft.body, "body_absent", draft.body_absent, reading);
    check_either("expect", draft.expect, "expect_regex", draft.expect_regex, reading);
    const bool commanded =
        std::ranges::find(*value.as<Table>(), "command", &Entry::key) != value.as<Table>()->end();
    if (draft.type == Type::Program && !commanded)
        reading.error(value.at, "a check by a program has no 'command'",
                      "add: command = [\"/usr/local/bin/check\", \"%h\", \"%p\"]");
    Check check;
    check.probe = probe_of(*draft.type, draft);
    check.interval = draft.interval;
    check.timeout = draft.timeout;
    check.rise = draft.rise;
    check.fall = draft.fall;
    check.retries = draft.retries;
    check.retry_delay = draft.retry_delay;
    check.reentry = draft.reentry;
    check.begins_up = draft.begins_up;
    check.address = draft.address;
    check.port = static_cast<model::Port>(draft.port);
    check.through_service = draft.through_service;
    return check;
}

}  // namespace

Kind<Check> health_check() {
    using D = CheckDraft;
    std::vector<Field<D>> fields{required(
        "type", &D::type, type_kind(),
        "What is done: a connection (tcp), a TLS handshake, an HTTP request, something sent "
        "and an answer expected (talk, udp), a DNS question, an SMTP greeting, an echo "
        "(ping), a program of yours.",
        "\"http\"")};
    for (auto more : {timing_fields(), web_fields(), other_fields()})
        std::ranges::move(more, std::back_inserter(fields));
    auto table = table_of<D>("a check", std::move(fields));
    Kind<Check> kind{"table", "", "", {}, {}, table.keys};
    kind.read = [read = table.read](const Value& value, Reading& reading) -> std::optional<Check> {
        const auto draft = read(value, reading);
        if (!draft) return std::nullopt;
        return check_of(*draft, value, reading);
    };
    return kind;
}

Kind<std::vector<Check>> health_checks() {
    auto one = health_check();
    auto kind = list_of(one);
    kind.type = "table, or list of tables";
    kind.read = [one = one.read, list = kind.read](
                    const Value& value, Reading& reading) -> std::optional<std::vector<Check>> {
        if (value.as<List>() != nullptr) return list(value, reading);
        auto check = one(value, reading);
        if (!check) return std::nullopt;
        return std::vector{std::move(*check)};
    };
    return kind;
}

}  // namespace isobar::config
