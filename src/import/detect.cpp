// SPDX-License-Identifier: Apache-2.0
// Which format a text has: each line that only one of them could have is a vote for it.
#include <algorithm>
#include <array>
#include <initializer_list>
#include <vector>

#include "base/text.h"
#include "import/import.h"

namespace isobar::importer {
namespace {

constexpr std::size_t kLooksAt = 65536;  // from its beginning: enough to know

std::vector<std::string_view> first_words(std::string_view line) {
    std::vector<std::string_view> words;
    constexpr std::string_view kBlank = " \t\r=";
    while (words.size() < 2) {
        const std::size_t start = line.find_first_not_of(kBlank);
        if (start == std::string_view::npos) break;
        line.remove_prefix(start);
        const std::size_t end = std::min(line.find_first_of(kBlank), line.size());
        words.push_back(line.substr(0, end));
        line.remove_prefix(end);
    }
    return words;
}

bool is_any(std::string_view word, std::initializer_list<std::string_view> of) {
    return std::find(of.begin(), of.end(), word) != of.end();
}

std::optional<Format> vote(std::string_view line) {
    const auto words = first_words(line);
    if (words.empty() || words.front().starts_with('#')) return std::nullopt;
    const std::string_view first = words.front();
    const bool equals = line.find('=') != std::string_view::npos;
    const bool opens = line.find('{') != std::string_view::npos;
    const bool rule = first == "ipvsadm" || is_any(first, {"-A", "-a", "--add-service", "--set"});
    if (rule) return Format::IpvsadmRules;
    if (equals && is_any(first, {"virtual", "virtual6", "real", "real6", "checktype",
                                 "checktimeout", "checkinterval", "quiescent", "fallback"})) {
        return Format::Ldirectord;
    }
    const bool piranha_key =
        equals && is_any(first, {"primary", "serial_no", "rsh_command", "network", "heartbeat",
                                 "deadtime", "service", "backup", "load_monitor"});
    const bool piranha_block = opens && is_any(first, {"virtual", "failover", "server"});
    if (piranha_key || piranha_block) return Format::LvsCf;
    if (first.starts_with('$') || first.starts_with("~SEQ") || first.starts_with("~LST") ||
        (first.starts_with("include") && !equals) ||
        (!equals && is_any(first, {"global_defs", "virtual_server", "real_server", "vrrp_instance",
                                   "vrrp_script", "vrrp_sync_group", "virtual_server_group",
                                   "static_ipaddress", "lvs_sched", "lb_algo", "delay_loop"}))) {
        return Format::Keepalived;
    }
    return std::nullopt;
}

}  // namespace

std::optional<Format> detect(std::string_view text) {
    std::array<unsigned, kFormats.size()> votes{};
    for (const std::string_view line : split(text.substr(0, kLooksAt), '\n')) {
        if (line.starts_with('[')) return std::nullopt;  // a table of TOML
        if (const auto format = vote(line)) ++votes[static_cast<std::size_t>(*format)];
    }
    const auto most = std::ranges::max_element(votes);
    if (*most == 0) return std::nullopt;
    return kFormats[static_cast<std::size_t>(most - votes.begin())];
}

}  // namespace isobar::importer
