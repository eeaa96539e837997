// SPDX-License-Identifier: Apache-2.0
#include "import/toml_value.h"

#include <utility>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/printable.h"
#include "model/dns_type.h"

namespace isobar::importer {
namespace {

std::string escaped(char32_t c) {
    switch (c) {
        case '\n':
            return "\\n";
        case '\r':
            return "\\r";
        case '\t':
            return "\\t";
        default:
            return c > 0xffff ? fmt::format("\\U{:08x}", static_cast<std::uint32_t>(c))
                              : fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
    }
}

std::string truth(bool value) {
    return value ? "true" : "false";
}

std::string bare_key(std::string_view key) {
    const bool bare = key.find_first_not_of(
                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "0123456789-_") == std::string_view::npos;
    return bare && !key.empty() ? std::string(key) : toml_text(key);
}

// A probe's own keys.
struct ProbeEntries {
    TomlEntries operator()(const model::TcpProbe&) const { return {}; }
    TomlEntries operator()(const model::PingProbe&) const { return {}; }
    TomlEntries operator()(const model::TlsProbe& tls) const {
        TomlEntries entries;
        add_tls(tls, entries);
        return entries;
    }
    TomlEntries operator()(const model::HttpProbe& http) const;
    TomlEntries operator()(const model::TalkProbe& talk) const {
        TomlEntries entries;
        add_talk(talk.send, talk.expect, entries);
        return entries;
    }
    TomlEntries operator()(const model::UdpProbe& udp) const {
        TomlEntries entries;
        add_talk(udp.send, udp.expect, entries);
        if (udp.require_reply) entries.push_back({"require_reply", "true"});
        return entries;
    }
    TomlEntries operator()(const model::DnsProbe& dns) const {
        TomlEntries entries;
        if (dns.name != ".") entries.push_back({"name", toml_text(dns.name)});
        if (dns.type != model::DnsProbe{}.type) {
            entries.push_back({"query", toml_text(model::dns_type_name(dns.type))});
        }
        if (dns.require_answer) entries.push_back({"require_answer", "true"});
        return entries;
    }
    TomlEntries operator()(const model::SmtpProbe& smtp) const {
        TomlEntries entries;
        if (smtp.helo != model::SmtpProbe{}.helo) entries.push_back({"helo", toml_text(smtp.helo)});
        return entries;
    }
    TomlEntries operator()(const model::AgentProbe& /*agent*/) const { return {}; }
    TomlEntries operator()(const model::ProgramProbe& program) const {
        TomlEntries entries{{"command", texts(program.command)}};
        if (program.expect) entries.push_back({"expect", toml_text(*program.expect)});
        if (program.sets_weight) entries.push_back({"sets_weight", "true"});
        if (program.user != model::ProgramProbe{}.user) {
            entries.push_back({"user", toml_text(program.user)});
        }
        return entries;
    }

    static void add_tls(const model::TlsProbe& tls, TomlEntries& entries) {
        if (tls.verify) entries.push_back({"verify", "true"});
        if (!tls.server_name.empty())
            entries.push_back({"server_name", toml_text(tls.server_name)});
        if (!tls.ca_file.empty()) entries.push_back({"ca_file", toml_text(tls.ca_file)});
    }
    static void add_talk(const std::string& send, const std::optional<model::Expectation>& expect,
                         TomlEntries& entries) {
        if (!send.empty()) entries.push_back({"send", toml_text(send)});
        if (!expect) return;
        const bool regex = expect->match == model::Expectation::Match::Regex;
        entries.push_back({regex ? "expect_regex" : "expect", toml_text(expect->text)});
    }
};

std::string status_codes(const std::vector<model::StatusRange>& ranges) {
    std::vector<std::string> codes;
    for (const auto& [first, last] : ranges) {
        codes.push_back(first == last ? fmt::format("{}", first)
                                      : fmt::format("\"{}-{}\"", first, last));
    }
    return list(codes);
}

TomlEntries ProbeEntries::operator()(const model::HttpProbe& http) const {
    const model::HttpProbe usual;
    TomlEntries entries;
    const auto add = [&](const char* key, const std::string& value, const std::string& otherwise) {
        if (value != otherwise) entries.push_back({key, toml_text(value)});
    };
    add("method", http.method, usual.method);
    entries.push_back({"path", toml_text(http.path)});
    add("host", http.host, usual.host);
    if (http.http_1_0) entries.push_back({"version", toml_text("1.0")});
    if (!http.headers.empty()) {
        TomlEntries headers;
        for (const auto& [key, value] : http.headers) headers.push_back({key, toml_text(value)});
        entries.push_back({"headers", inline_table(headers)});
    }
    if (http.status != usual.status) entries.push_back({"status", status_codes(http.status)});
    add(http.body_absent ? "body_absent" : "body", http.body, "");
    add("digest", http.digest, "");
    if (http.most_bytes != usual.most_bytes) {
        entries.push_back({"most_bytes", fmt::format("{}", http.most_bytes)});
    }
    if (http.tls) add_tls(*http.tls, entries);
    return entries;
}

}  // namespace

std::string toml_text(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const auto c = first_code_point(text);
        const std::size_t bytes = c ? c->bytes : 1;
        const auto shown = text.substr(0, bytes);
        if (!c) {
            out += "\\ufffd";
        } else if (shown == "\"" || shown == "\\") {
            out += '\\';
            out += shown;
        } else if (is_printable(c->value)) {
            out += shown;
        } else {
            out += escaped(c->value);
        }
        text.remove_prefix(bytes);
    }
    return out + '"';
}

std::string duration(std::chrono::milliseconds time) {
    const auto count = time.count();
    return count % 1000 == 0 ? fmt::format("\"{}s\"", count / 1000)
                             : fmt::format("\"{}ms\"", count);
}

std::string list(const std::vector<std::string>& values) {
    return fmt::format("[{}]", fmt::join(values, ", "));
}

std::string texts(const std::vector<std::string>& values) {
    std::vector<std::string> all;
    all.reserve(values.size());
    for (const std::string& value : values) all.push_back(toml_text(value));
    return list(all);
}

std::string inline_table(const TomlEntries& entries) {
    std::string text = "{ ";
    for (const auto& [key, value] : entries) {
        if (text.size() > 2) text += ", ";
        text += fmt::format("{} = {}", bare_key(key), value);
    }
    return text + " }";
}

TomlEntries entries_of(const model::Check& check) {
    const model::Check usual;
    TomlEntries entries{{"type", toml_text(model::type_name(check.probe))}};
    for (auto& own : std::visit(ProbeEntries{}, check.probe)) entries.push_back(std::move(own));
    if (check.address) entries.push_back({"address", toml_text(check.address->text())});
    if (check.port != 0) entries.push_back({"port", fmt::format("{}", check.port)});
    // These two are what people look for: always.
    entries.push_back({"interval", duration(check.interval)});
    entries.push_back({"timeout", duration(check.timeout)});
    const auto add = [&](const char* key, auto value, auto otherwise) {
        if (value != otherwise) entries.push_back({key, fmt::format("{}", value)});
    };
    add("rise", check.rise, usual.rise);
    add("fall", check.fall, usual.fall);
    add("retries", check.retries, usual.retries);
    if (check.retries != 0 && check.retry_delay != usual.retry_delay) {
        entries.push_back({"retry_delay", duration(check.retry_delay)});
    }
    if (check.reentry != usual.reentry) entries.push_back({"reentry", duration(check.reentry)});
    if (check.begins_up) entries.push_back({"begins_up", truth(check.begins_up)});
    if (check.through_service) entries.push_back({"through", toml_text("service")});
    return entries;
}

TomlEntries entries_of(const NotifyDraft& notify) {
    TomlEntries entries;
    const auto add = [&](const char* key, const std::vector<std::string>& command) {
        if (!command.empty()) entries.push_back({key, texts(command)});
    };
    add("up", notify.up);
    add("down", notify.down);
    add("quorum_up", notify.quorum_up);
    add("quorum_down", notify.quorum_down);
    if (!notify.user.empty()) entries.push_back({"user", toml_text(notify.user)});
    return entries;
}

TomlEntries entries_of(const LoadDraft& load) {
    TomlEntries entries{{"from", toml_text(load.from)},
                        {"controller", toml_text("piranha")},
                        {"interval", duration(load.interval)}};
    if (!load.command.empty()) entries.push_back({"command", texts(load.command)});
    if (!load.user.empty()) entries.push_back({"user", toml_text(load.user)});
    return entries;
}

TomlEntries entries_of(const Way& way) {
    TomlEntries entries{{"forward", toml_text(model::name(way.method))}};
    const model::Tunnel& tunnel = way.tunnel;
    if (way.method != model::ForwardingMethod::Tun || tunnel == model::Tunnel{}) return entries;
    entries.push_back({"tunnel", toml_text(model::name(tunnel.type))});
    if (tunnel.type == model::Encapsulation::Gue) {
        entries.push_back({"tunnel_port", fmt::format("{}", tunnel.port)});
    }
    if (tunnel.checksum != model::TunnelChecksum::None) {
        entries.push_back({"tunnel_checksum", toml_text(model::name(tunnel.checksum))});
    }
    return entries;
}

TomlEntries entries_of(const SorryDraft& sorry) {
    const bool bare = sorry.address.port == 0;
    TomlEntries entries{
        {"address", toml_text(bare ? sorry.address.address.text() : sorry.address.text())}};
    if (!sorry.way) return entries;
    for (auto& entry : entries_of(*sorry.way)) entries.push_back(std::move(entry));
    return entries;
}

}  // namespace isobar::importer
