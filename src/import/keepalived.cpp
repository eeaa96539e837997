// SPDX-License-Identifier: Apache-2.0
// keepalived.conf: what stands outside of virtual servers.
#include "import/keepalived.h"

#include <array>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/printable.h"
#include "config/suggest.h"
#include "import/directives.h"
#include "import/formats.h"
#include "import/keepalived_syntax.h"
#include "import/keepalived_words.h"

namespace isobar::importer {
namespace {

class Keepalived {
public:
    Keepalived(Findings& findings, const Surroundings& surroundings)
        : findings_(findings), values_(findings, surroundings) {}

    Draft read(const std::vector<Node>& nodes);

private:
    void read_globals(const Node& node);
    void read_group(const Node& node);
    void read_service(const Node& node) {
        read_virtual_server(node, groups_, values_, findings_, draft_.services);
    }
    void read_timeouts(const Node& node);
    void read_script_user(const Node& node);
    void look_through(const Node& block, std::span<const std::string_view> known);

    static constexpr std::size_t kReads = 3;
    static const std::array<Directive<Keepalived>, kReads> kTop;
    static const std::array<Directive<Keepalived>, 2> kGlobals;

    Findings& findings_;
    Values values_;
    Draft draft_;
    Groups groups_;
};

const std::array<Directive<Keepalived>, Keepalived::kReads> Keepalived::kTop{{
    {"global_defs", &Keepalived::read_globals},
    {"virtual_server_group", &Keepalived::read_group},
    {"virtual_server", &Keepalived::read_service},
}};

const std::array<Directive<Keepalived>, 2> Keepalived::kGlobals{{
    {"lvs_timeouts", &Keepalived::read_timeouts},
    {"script_user", &Keepalived::read_script_user},
}};

Draft Keepalived::read(const std::vector<Node>& nodes) {
    for (const Node& node : nodes) {
        if (node.key.text == "virtual_server_group" && !node.values.empty()) {
            groups_[node.values.front().text] = &node;
        }
    }
    for (const Node& node : nodes) {
        read_directive<Keepalived>(*this, node, kTop, kTopNotHonoured, Unknown::IsNote, findings_);
        if (node.key.text == "vrrp_instance") look_through(node, kInstanceWords);
        if (node.key.text == "vrrp_sync_group") look_through(node, kSyncGroupWords);
        if (node.key.text == "vrrp_script") look_through(node, kScriptWords);
    }
    return std::move(draft_);
}

void Keepalived::read_globals(const Node& node) {
    for (const Node& child : node.children) {
        read_directive<Keepalived>(*this, child, kGlobals, kGlobalNotHonoured, Unknown::IsNote,
                                   findings_);
    }
}

// Its services are read where they are named.
void Keepalived::read_group(const Node& node) {
    if (node.values.empty()) findings_.error(node.key.at, "this group has no name");
}

void Keepalived::read_timeouts(const Node& node) {
    const auto& words = node.values;
    for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
        const auto which = values_.one_of(words[i], {"tcp", "tcpfin", "udp"});
        const auto time = values_.seconds(words[i + 1], 0, kMostSeconds);
        if (!which || !time || time->count() == 0) continue;
        TimeoutsDraft& into = draft_.timeouts;
        *std::array{&into.tcp, &into.tcp_fin, &into.udp}[*which] = time;
    }
    draft_.timeouts.origins.push_back({node.key.at, node.words()});
}

void Keepalived::read_script_user(const Node& node) {
    if (node.values.empty()) return findings_.error(node.key.at, "script_user names nobody");
    draft_.script_user = node.values.front().text;
    if (node.values.size() > 1) {
        findings_.note(node.values[1].at, "the group is not honoured: the user's own is taken");
    }
}

// All of it comes with failover; what is misspelt is said now.
void Keepalived::look_through(const Node& block, std::span<const std::string_view> known) {
    for (const Node& child : block.children) {
        const std::string& name = child.key.text;
        if (std::ranges::find(known, name) != known.end()) continue;
        findings_.note(child.key.at, fmt::format("unknown keyword '{}'", printable(name)),
                       config::suggestion(name, {known.begin(), known.end()}));
    }
}

}  // namespace

Draft read_keepalived(std::size_t file, Findings& findings, const Surroundings& surroundings) {
    const auto nodes = parse_keepalived(file, findings, surroundings);
    return Keepalived(findings, surroundings).read(nodes);
}

}  // namespace isobar::importer
