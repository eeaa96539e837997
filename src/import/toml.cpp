// SPDX-License-Identifier: Apache-2.0
#include "import/toml.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/printable.h"
#include "import/toml_value.h"

namespace isobar::importer {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kLongestComment = 160;

class Writer {
public:
    explicit Writer(const Findings& findings) : findings_(findings) {}

    void head(std::string_view format_name) {
        text_ += fmt::format("# Made of {} ({}) by isobar import.\n",
                             printable(findings_.file_name(0)), format_name);
    }
    void director(const Draft& draft);
    void service(const ServiceDraft& service);
    std::string text() && { return std::move(text_); }

private:
    [[nodiscard]] std::string place(const Place& at) const {
        return fmt::format("{}:{}", printable(findings_.file_name(at.file)), at.line);
    }
    void comment(const std::string& words) {
        const std::string shown = printable(words);
        text_ += "# " + (shown.size() > kLongestComment ? cut(shown) : shown) + '\n';
    }
    // Not in the middle of a character.
    static std::string cut(const std::string& shown);
    void origin(const Origin& origin) { comment(place(origin.at) + ' ' + origin.words); }
    void line(const std::string& key, const std::string& value) {
        text_ += fmt::format("{} = {}\n", key, value);
    }
    void lines(const TomlEntries& entries) {
        for (const auto& [key, value] : entries) line(key, value);
    }
    void long_list(const std::string& key, const std::vector<std::string>& values);
    void table(const std::string& header, const TomlEntries& entries) {
        text_ += fmt::format("\n{}\n", header);
        for (const auto& [key, value] : entries) {
            text_ += inline_entry(key, value) + '\n';
        }
    }
    static std::string inline_entry(const std::string& key, const std::string& value) {
        const std::string both = inline_table({{key, value}});
        return both.substr(2, both.size() - 4);
    }
    void addresses(const ServiceDraft& service);
    void scheduling(const ServiceDraft& service);
    void behaviour(const ServiceDraft& service);
    // What the loader does not take yet, for whoever reads the file.
    void short_servers(const ServiceDraft& service);
    void long_servers(const ServiceDraft& service);
    void checks(const std::string& path, const std::vector<model::Check>& checks);
    [[nodiscard]] std::string server_line(const ServiceDraft& service,
                                          const ServerDraft& server) const;

    const Findings& findings_;
    std::string text_;
};

std::string Writer::cut(const std::string& shown) {
    std::size_t end = kLongestComment;
    while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xc0U) == 0x80U) --end;
    return shown.substr(0, end) + "...";
}

void Writer::long_list(const std::string& key, const std::vector<std::string>& values) {
    const std::string short_one = texts(values);
    if (key.size() + short_one.size() + 3 <= kWidth) return line(key, short_one);
    text_ += key + " = [\n";
    for (const std::string& value : values) text_ += fmt::format("    {},\n", toml_text(value));
    text_ += "]\n";
}

void Writer::director(const Draft& draft) {
    const TimeoutsDraft& timeouts = draft.timeouts;
    TomlEntries entries;
    const auto add = [&](const char* key, const std::optional<std::chrono::seconds>& time) {
        if (time) entries.push_back({key, duration(*time)});
    };
    add("tcp", timeouts.tcp);
    add("tcp_fin", timeouts.tcp_fin);
    add("udp", timeouts.udp);
    if (entries.empty()) return;

    text_ += "\n[director]\n";
    for (const Origin& each : timeouts.origins) origin(each);
    line("timeouts", inline_table(entries));
}

void Writer::service(const ServiceDraft& service) {
    text_ += '\n';
    origin(service.origin);
    for (const std::string& remark : service.remarks) comment(remark);
    text_ += "[[service]]\n";
    line("name", toml_text(service.name));
    if (!service.enabled) line("enabled", "false");
    addresses(service);
    scheduling(service);
    behaviour(service);
    const bool all_short = std::ranges::all_of(service.servers, [&](const ServerDraft& server) {
        return server_line(service, server).size() <= kWidth;
    });
    if (all_short) short_servers(service);
    checks("service", service.checks);
    if (!all_short) long_servers(service);
}

void Writer::addresses(const ServiceDraft& service) {
    if (service.mark != 0) return line("mark", fmt::format("{}", service.mark));
    std::vector<std::string> listen;
    listen.reserve(service.listen.size());
    for (const auto& key : service.listen) {
        listen.push_back(fmt::format("{}/{}", key.address.text(), model::name(key.protocol)));
    }
    long_list("listen", listen);
}

void Writer::scheduling(const ServiceDraft& service) {
    line("scheduler", toml_text(model::name(service.scheduler)));
    if (!service.scheduler_flags.empty()) line("scheduler_flags", texts(service.scheduler_flags));
    lines(entries_of(service.way));
    if (service.persistence) {
        TomlEntries entries{{"timeout", duration(service.persistence->timeout)}};
        const auto& mask = service.persistence->mask;
        if (mask) entries.push_back({"mask", fmt::format("{}", *mask)});
        if (service.persistence->sip) entries.push_back({"engine", toml_text("sip")});
        line("persistence", inline_table(entries));
    }
    if (service.one_packet) line("one_packet", "true");
}

void Writer::behaviour(const ServiceDraft& service) {
    if (service.quiesce) line("on_failure", toml_text("quiesce"));
    if (service.sorry) line("sorry", inline_table(entries_of(*service.sorry)));
    if (service.quorum != 1) line("quorum", fmt::format("{}", service.quorum));
    if (service.quorum_hysteresis != 0) {
        line("quorum_hysteresis", fmt::format("{}", service.quorum_hysteresis));
    }
    if (service.slow_start.count() != 0) line("slow_start", duration(service.slow_start));
    if (!service.notify.empty()) line("notify", inline_table(entries_of(service.notify)));
    if (service.load) line("load", inline_table(entries_of(*service.load)));
}

TomlEntries plain_entries(const ServiceDraft& service, const ServerDraft& server) {
    const bool bare = server.address.port == 0;
    TomlEntries entries{
        {"address", toml_text(bare ? server.address.address.text() : server.address.text())}};
    const auto number = [&](const char* key, std::uint32_t value, std::uint32_t usual) {
        if (value != usual) entries.push_back({key, fmt::format("{}", value)});
    };
    number("weight", server.weight, 1);
    number("upper_threshold", server.upper_threshold, 0);
    number("lower_threshold", server.lower_threshold, 0);
    if (server.way) {
        for (auto& entry : entries_of(*server.way)) entries.push_back(std::move(entry));
        // Nothing of the service's tunnel is left to it.
        const model::Tunnel& tunnel = server.way->tunnel;
        const model::Tunnel& of_service = service.way.tunnel;
        const bool tun = server.way->method == model::ForwardingMethod::Tun;
        if (tun && tunnel == model::Tunnel{} && of_service.type != tunnel.type) {
            entries.push_back({"tunnel", toml_text("ipip")});
        }
        if (tun && tunnel.checksum == model::TunnelChecksum::None &&
            of_service.checksum != model::TunnelChecksum::None) {
            entries.push_back({"tunnel_checksum", toml_text("none")});
        }
    }
    if (server.quiesce != service.quiesce && server.quiesce) {
        entries.push_back({"on_failure", toml_text("quiesce")});
    }
    if (!server.enabled) entries.push_back({"enabled", "false"});
    if (!server.notify.empty())
        entries.push_back({"notify", inline_table(entries_of(server.notify))});
    if (service.load && service.load->from == "ruptime")
        entries.push_back({"host", toml_text(server.host)});
    return entries;
}

std::string inline_checks(const std::vector<model::Check>& checks) {
    std::vector<std::string> tables;
    tables.reserve(checks.size());
    for (const auto& check : checks) tables.push_back(inline_table(entries_of(check)));
    return tables.size() == 1 ? tables.front() : list(tables);
}

// As it stands in `servers = [...]`.
std::string Writer::server_line(const ServiceDraft& service, const ServerDraft& server) const {
    TomlEntries entries = plain_entries(service, server);
    if (!server.checks.empty()) entries.push_back({"check", inline_checks(server.checks)});
    return fmt::format("    {},  # {}", inline_table(entries), place(server.origin.at));
}

void Writer::short_servers(const ServiceDraft& service) {
    if (service.servers.empty()) return;
    text_ += "servers = [\n";
    for (const ServerDraft& server : service.servers) {
        text_ += server_line(service, server) + '\n';
    }
    text_ += "]\n";
}

void Writer::long_servers(const ServiceDraft& service) {
    for (const ServerDraft& server : service.servers) {
        text_ += '\n';
        origin(server.origin);
        text_ += "[[service.servers]]\n";
        lines(plain_entries(service, server));
        checks("service.servers", server.checks);
    }
}

void Writer::checks(const std::string& path, const std::vector<model::Check>& checks) {
    const std::string header =
        fmt::format(fmt::runtime(checks.size() > 1 ? "[[{}.check]]" : "[{}.check]"), path);
    for (const model::Check& check : checks) table(header, entries_of(check));
}

}  // namespace

std::string write_toml(const Draft& draft, const Findings& findings, std::string_view format_name) {
    Writer writer(findings);
    writer.head(format_name);
    writer.director(draft);
    for (const ServiceDraft& service : draft.services) writer.service(service);
    return std::move(writer).text();
}

}  // namespace isobar::importer
