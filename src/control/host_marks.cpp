// SPDX-License-Identifier: Apache-2.0
#include "control/host_marks.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "control/child.h"
#include "control/mark_match.h"

namespace isobar::control {
namespace {

using Json = nlohmann::json;
using model::Family;
using model::Protocol;

constexpr std::chrono::seconds kPatience{10};

// Later rules of a chain set the mark anew: the last one that fits counts there.
void reverse(HostMarks& marks) {
    std::reverse(marks.rules.begin(), marks.rules.end());
}

// ---- nft ----

// All of `each`, or nothing if there is one that cannot be told.
template <typename T, typename Read>
std::optional<std::vector<T>> read_alternatives(const Json& value, Read read) {
    const bool set = value.is_object() && value.contains("set");
    std::vector<T> all;
    for (const Json& one : set ? value.at("set") : Json::array({value})) {
        const std::optional<T> got = read(one);
        if (!got) return std::nullopt;
        all.push_back(*got);
    }
    return all;
}

std::optional<Protocol> read_protocol(const Json& value) {
    if (value == "tcp" || value == 6) return Protocol::Tcp;
    if (value == "udp" || value == 17) return Protocol::Udp;
    if (value == "sctp" || value == 132) return Protocol::Sctp;
    return std::nullopt;
}

std::optional<model::Network> read_network(const Json& value) {
    if (value.is_string()) return parse_filter_network(value.get<std::string>());
    if (!value.is_object() || !value.contains("prefix")) return std::nullopt;
    const Json& prefix = value.at("prefix");
    return parse_filter_network(prefix.at("addr").get<std::string>() + "/" +
                                std::to_string(prefix.at("len").get<unsigned>()));
}

std::optional<MarkMatch::Ports> read_ports(const Json& value) {
    if (value.is_number_unsigned()) {
        const auto port = value.get<model::Port>();
        return MarkMatch::Ports{port, port};
    }
    if (!value.is_object() || !value.contains("range")) return std::nullopt;
    return MarkMatch::Ports{value.at("range").at(0).get<model::Port>(),
                            value.at("range").at(1).get<model::Port>()};
}

template <typename T>
bool take(std::optional<std::vector<T>> read, std::vector<T>& into) {
    if (!read || !into.empty()) return false;  // twice the same: not worth the trouble
    into = std::move(*read);
    return true;
}

// False: something that MarkMatch cannot say.
bool read_match(const Json& match, MarkMatch& into) {
    const Json& left = match.at("left");
    const Json& right = match.at("right");
    if (match.at("op") != "==" && match.at("op") != "in") return false;
    if (left.contains("meta")) {
        const auto key = left.at("meta").at("key").get<std::string>();
        if (key == "l4proto")
            return take(read_alternatives<Protocol>(right, read_protocol), into.protocols);
        if (key != "nfproto" || into.family) return false;
        if (right == "ipv4") into.family = Family::V4;
        if (right == "ipv6") into.family = Family::V6;
        return into.family.has_value();
    }
    if (!left.contains("payload") || !left.at("payload").contains("field")) return false;
    const auto protocol = left.at("payload").at("protocol").get<std::string>();
    const auto field = left.at("payload").at("field").get<std::string>();
    if (protocol == "ip" || protocol == "ip6") {
        if (field == "daddr")
            return take(read_alternatives<model::Network>(right, read_network), into.destinations);
        if (field == "saddr")
            return take(read_alternatives<model::Network>(right, read_network), into.sources);
        if (field == "protocol" || field == "nexthdr")
            return take(read_alternatives<Protocol>(right, read_protocol), into.protocols);
        return false;
    }
    if (field != "dport" || (protocol != "tcp" && protocol != "udp" && protocol != "th"))
        return false;
    if (protocol != "th") into.protocols = {protocol == "tcp" ? Protocol::Tcp : Protocol::Udp};
    return take(read_alternatives<MarkMatch::Ports>(right, read_ports), into.ports);
}

bool sets_mark(const Json& statement) {
    if (!statement.contains("mangle")) return false;
    const Json& key = statement.at("mangle").at("key");
    return key.contains("meta") && key.at("meta").at("key") == "mark";
}

bool changes_nothing(const Json& statement) {
    return statement.contains("counter") || statement.contains("log");
}

bool read_statement(const Json& statement, MarkMatch& into) {
    if (statement.contains("match")) return read_match(statement.at("match"), into);
    if (!sets_mark(statement)) return changes_nothing(statement);
    const Json& value = statement.at("mangle").at("value");
    if (!value.is_number_unsigned()) return false;
    into.mark = value.get<std::uint32_t>();
    return true;
}

// By family, table, name.
using ChainName = std::tuple<std::string, std::string, std::string>;

ChainName chain_name(const Json& object, const char* name) {
    return {object.at("family").get<std::string>(), object.at("table").get<std::string>(),
            object.at(name).get<std::string>()};
}

// "ip mangle PREROUTING handle 4": what `nft delete rule` takes.
std::string rule_name(const Json& rule) {
    return rule.at("family").get<std::string>() + " " + rule.at("table").get<std::string>() + " " +
           rule.at("chain").get<std::string>() + " handle " +
           std::to_string(rule.at("handle").get<std::uint64_t>());
}

void read_rule(const Json& rule, HostMarks& marks) {
    MarkMatch match;
    if (rule.at("family") == "ip") match.family = Family::V4;
    if (rule.at("family") == "ip6") match.family = Family::V6;
    const Json& statements = rule.at("expr");
    const bool told = std::all_of(statements.begin(), statements.end(), [&](const Json& statement) {
        return read_statement(statement, match);
    });
    if (told) {
        match.expand(marks.rules);
    } else {
        marks.untold.push_back("nft rule " + rule_name(rule));
    }
}

// The chains that packets come to by themselves, and the rules that mark, by chain.
struct Ruleset {
    struct Base {
        std::string hook;
        int priority = 0;
        ChainName name;
    };
    std::vector<Base> chains;
    std::multimap<ChainName, Json> rules;

    explicit Ruleset(const Json& nft) {
        for (const Json& object : nft.at("nftables")) {
            if (object.contains("chain")) add_chain(object.at("chain"));
            if (object.contains("rule")) add_rule(object.at("rule"));
        }
        std::stable_sort(chains.begin(), chains.end(),
                         [](const Base& a, const Base& b) { return a.priority < b.priority; });
    }
    void add_chain(const Json& chain) {
        if (!chain.contains("hook")) return;
        chains.push_back({chain.at("hook").get<std::string>(), chain.at("prio").get<int>(),
                          chain_name(chain, "name")});
    }
    void add_rule(const Json& rule) {
        const Json& statements = rule.at("expr");
        if (std::any_of(statements.begin(), statements.end(), sets_mark))
            rules.emplace(chain_name(rule, "chain"), rule);
    }
};

HostMarks read_ruleset(const Json& nft) {
    Ruleset ruleset(nft);
    HostMarks marks;
    for (const auto& [hook, priority, chain] : ruleset.chains) {
        const auto [from, to] = ruleset.rules.equal_range(chain);
        if (hook == "prerouting")
            std::for_each(from, to, [&](const auto& each) { read_rule(each.second, marks); });
        ruleset.rules.erase(from, to);
    }
    // left are those of chains that are jumped to, under conditions of their own
    for (const auto& [chain, rule] : ruleset.rules)
        marks.untold.push_back("nft rule " + rule_name(rule));
    reverse(marks);
    return marks;
}

// ---- iptables ----

std::optional<MarkMatch::Ports> parse_ports(std::string_view text) {
    const auto colon = text.find(':');
    const auto first = parse_unsigned<model::Port>(text.substr(0, colon));
    const auto last = colon == std::string_view::npos
                          ? first
                          : parse_unsigned<model::Port>(text.substr(colon + 1));
    if (!first || !last) return std::nullopt;
    return MarkMatch::Ports{*first, *last};
}

bool parse_port_list(std::string_view text, std::vector<MarkMatch::Ports>& into) {
    for (std::size_t at = 0; at <= text.size();) {
        const auto comma = std::min(text.find(',', at), text.size());
        const auto ports = parse_ports(text.substr(at, comma - at));
        if (!ports) return false;
        into.push_back(*ports);
        at = comma + 1;
    }
    return true;
}

bool parse_mark(std::string_view text, MarkMatch& into) {
    const auto slash = text.find('/');
    if (slash != std::string_view::npos && text.substr(slash + 1) != "0xffffffff") return false;
    auto digits = text.substr(0, slash);
    const bool hexadecimal = digits.starts_with("0x");
    if (hexadecimal) digits.remove_prefix(2);
    const auto mark = parse_unsigned<std::uint32_t>(digits, hexadecimal ? 16 : 10);
    into.mark = mark.value_or(0);
    return mark.has_value();
}

bool parse_option(std::string_view option, std::string_view value, MarkMatch& into) {
    const auto network = [&](std::vector<model::Network>& networks) {
        const auto parsed = parse_filter_network(value);
        if (parsed) networks.push_back(*parsed);
        return parsed.has_value();
    };
    if (option == "-d") return network(into.destinations);
    if (option == "-s") return network(into.sources);
    if (option == "-p") {
        if (value != "tcp" && value != "udp") return value == "all";
        into.protocols = {value == "tcp" ? Protocol::Tcp : Protocol::Udp};
        return true;
    }
    if (option == "--dport" || option == "--dports") return parse_port_list(value, into.ports);
    if (option == "--set-xmark" || option == "--set-mark") return parse_mark(value, into);
    if (option == "-m") return value == "tcp" || value == "udp" || value == "multiport";
    return option == "-j" && value == "MARK";
}

// `words` behind "-A PREROUTING".
bool parse_rule(std::span<const std::string_view> words, MarkMatch& into) {
    if (words.size() % 2 != 0) return false;  // an option without a value: "!", --syn
    for (std::size_t i = 0; i < words.size(); i += 2)
        if (!parse_option(words[i], words[i + 1], into)) return false;
    return true;
}

}  // namespace

Result<HostMarks> parse_nft(std::string_view json) {
    try {
        return read_ruleset(Json::parse(json));
    } catch (const Json::exception& error) {
        return failure(Fault::Invalid, std::string("nft: ") + error.what());
    }
}

HostMarks parse_iptables(std::string_view text, Family family) {
    HostMarks marks;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto words = split(line, ' ');
        if (words.size() < 2 || words[0] != "-A" ||
            line.find(" -j MARK ") == std::string_view::npos)
            continue;
        if (words[1] == "OUTPUT" || words[1] == "POSTROUTING" || words[1] == "FORWARD" ||
            words[1] == "INPUT")
            continue;  // by then the packet is ours, or its mark is there
        MarkMatch match;
        match.family = family;
        if (words[1] == "PREROUTING" && parse_rule(std::span(words).subspan(2), match)) {
            match.expand(marks.rules);
        } else {
            marks.untold.push_back("iptables rule " + std::string(line));
        }
    }
    reverse(marks);
    return marks;
}

Result<HostMarks> read_host_marks() {
    HostMarks all;
    const auto ask = [](const std::vector<std::string>& words) -> Result<std::string> {
        auto ended = run_child(words, {}, kPatience);
        if (!ended && ended.error().fault == Fault::NotFound) return std::string();
        if (!ended) return tl::unexpected(std::move(ended.error()));
        // iptables without its kernel modules has no rules either
        return ended->status == 0 ? std::move(ended->output) : std::string();
    };
    const auto add = [&](HostMarks marks) {
        all.rules.insert(all.rules.end(), marks.rules.begin(), marks.rules.end());
        all.untold.insert(all.untold.end(), marks.untold.begin(), marks.untold.end());
    };
    auto ruleset = ask({"nft", "-j", "list", "ruleset"});
    if (!ruleset) return tl::unexpected(std::move(ruleset.error()));
    if (!ruleset->empty()) {
        auto marks = parse_nft(*ruleset);
        if (!marks) return marks;
        add(std::move(*marks));
    }
    for (const auto& [tool, family] :
         {std::pair{"iptables-save", Family::V4}, std::pair{"ip6tables-save", Family::V6}}) {
        const auto rules = ask({tool, "-t", "mangle"});
        if (!rules) return tl::unexpected(rules.error());
        add(parse_iptables(*rules, family));
    }
    return all;
}

}  // namespace isobar::control
