// SPDX-License-Identifier: Apache-2.0
#include "control/masquerade.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "control/child.h"

namespace isobar::control {
namespace {

constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ - 1

bool is_interface_name(std::string_view name) {
    // '*' would be a wildcard for nft; the others end the string or the line.
    const auto harmless = [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '*' && c != '/';
    };
    return !name.empty() && name.size() <= kMaxInterfaceName &&
           std::all_of(name.begin(), name.end(), harmless);
}

Result<std::string> rule(const model::MasqueradeConfig& masquerade) {
    if (masquerade.from.address.family != model::Family::V4) {
        return failure(Fault::Unsupported, fmt::format("masquerade from {}: only IPv4 networks",
                                                       masquerade.from.text()));
    }
    if (!is_interface_name(masquerade.out)) {
        return failure(Fault::Invalid, fmt::format("masquerade from {}: no interface can have "
                                                   "the name '{}'",
                                                   masquerade.from.text(), masquerade.out));
    }
    return fmt::format("\t\tip saddr {} oifname \"{}\" masquerade\n", masquerade.from.text(),
                       masquerade.out);
}

Result<ChildExit> run_nft(std::vector<std::string> arguments, const std::string& input) {
    // A shell of root's need not have sbin in its path.
    constexpr std::array<const char*, 2> kPlaces{"nft", "/usr/sbin/nft"};
    Result<ChildExit> exit = failure(Fault::NotFound, "");
    arguments.insert(arguments.begin(), "");
    for (const char* place : kPlaces) {
        arguments.front() = place;
        exit = run_child(arguments, input, std::chrono::seconds(20));
        if (exit || exit.error().fault != Fault::NotFound) break;
    }
    return exit;
}

// Asked before removing, so that a host without masquerade is not made to load netfilter.
// Where nft is missing or cannot work, no table of ours can be.
bool table_exists() {
    const auto exit = run_nft({"list", "table", "ip", "isobar"}, "");
    return exit && exit->status == 0;
}

}  // namespace

Result<std::string> masquerade_ruleset(std::span<const model::MasqueradeConfig> masquerades) {
    // Naming the table first makes the delete valid whether it was there or not.
    std::string text = "table ip isobar\ndelete table ip isobar\n";
    if (masquerades.empty()) return text;
    text +=
        "table ip isobar {\n"
        "\tchain postrouting {\n"
        "\t\ttype nat hook postrouting priority srcnat; policy accept;\n";
    for (const model::MasqueradeConfig& masquerade : masquerades) {
        const auto line = rule(masquerade);
        if (!line) return line;
        text += *line;
    }
    return text + "\t}\n}\n";
}

Result<void> apply_masquerade(std::span<const model::MasqueradeConfig> masquerades) {
    const auto ruleset = masquerade_ruleset(masquerades);
    if (!ruleset) return tl::unexpected(ruleset.error());
    if (masquerades.empty() && !table_exists()) return {};
    const auto exit = run_nft({"-f", "-"}, *ruleset);
    if (!exit && exit.error().fault == Fault::NotFound) {
        return failure(Fault::NotFound,
                       "masquerade needs the program nft, which is not here: install the "
                       "package nftables (the services are balanced all the same)");
    }
    if (!exit) return tl::unexpected(Error(exit.error()).in("masquerade"));
    if (exit->status != 0) {
        return failure(Fault::System,
                       fmt::format("masquerade: nft refused the rules: {}", exit->errors));
    }
    return {};
}

}  // namespace isobar::control
