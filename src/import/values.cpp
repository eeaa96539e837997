// SPDX-License-Identifier: Apache-2.0
#include "import/values.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/printable.h"
#include "base/text.h"
#include "config/suggest.h"

namespace isobar::importer {
namespace {

bool has_letters(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](unsigned char c) { return std::isalpha(c) != 0; });
}

std::string_view without_brackets(std::string_view host) {
    const bool has = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
    return has ? host.substr(1, host.size() - 2) : host;
}

std::optional<double> decimal(std::string_view text) {
    const std::size_t dot = text.find('.');
    const auto whole = parse_unsigned<std::uint32_t>(text.substr(0, dot));
    if (!whole) return std::nullopt;
    if (dot == std::string_view::npos) return *whole;
    const auto digits = text.substr(dot + 1, 9);
    const auto fraction = parse_unsigned<std::uint32_t>(digits);
    if (!fraction) return std::nullopt;
    return *whole + *fraction / std::pow(10.0, static_cast<double>(digits.size()));
}

}  // namespace

std::optional<model::Address> Values::host(const Word& word) {
    const std::string name(without_brackets(word.text));
    auto address = model::Address::parse(name);
    const bool looked_up = !address && has_letters(name) && name.find(':') == std::string::npos;
    if (looked_up && surroundings_.find_address) address = surroundings_.find_address(name);
    if (!address) {
        findings_.error(word.at,
                        looked_up ? fmt::format("the host '{}' is not known", printable(name))
                                  : fmt::format("'{}' is not an address", printable(name)),
                        looked_up ? "write its address" : "");
        return std::nullopt;
    }
    if (model::is_link_local(*address)) {
        findings_.error(word.at, fmt::format("{} is an address of one link only", name),
                        "one that can be reached through routers, as in fd00::/8 or 2000::/3");
        return std::nullopt;
    }
    if (!model::is_unicast(*address)) {
        findings_.error(word.at, fmt::format("{} is not the address of a host", name));
        return std::nullopt;
    }
    return address;
}

std::optional<model::Port> Values::port(const Word& word, model::Protocol protocol) {
    if (const auto number = parse_unsigned<model::Port>(word.text)) return number;
    const bool name = has_letters(word.text);
    if (name && surroundings_.find_port) {
        if (const auto found = surroundings_.find_port(word.text, protocol)) return found;
    }
    findings_.error(word.at, fmt::format("'{}' is not a port", printable(word.text)),
                    name ? "no service of that name is known here: write its number"
                         : "a number from 1 to 65535");
    return std::nullopt;
}

std::optional<std::uint32_t> Values::number(const Word& word, std::uint32_t least,
                                            std::uint32_t most) {
    const auto number = parse_unsigned<std::uint32_t>(word.text);
    if (number && *number >= least && *number <= most) return number;
    findings_.error(word.at, fmt::format("'{}' is not a number from {} to {}", printable(word.text),
                                         least, most));
    return std::nullopt;
}

std::optional<std::chrono::milliseconds> Values::time(const Word& word, double least, double most) {
    const auto seconds = decimal(word.text);
    if (seconds && *seconds >= least && *seconds <= most) {
        return std::chrono::milliseconds(std::llround(*seconds * 1000));
    }
    findings_.error(word.at, fmt::format("'{}' is not a time from {} to {} seconds",
                                         printable(word.text), least, most));
    return std::nullopt;
}

std::optional<std::chrono::seconds> Values::seconds(const Word& word, std::uint32_t least,
                                                    std::uint32_t most) {
    const auto got = number(word, least, most);
    if (!got) return std::nullopt;
    return std::chrono::seconds(*got);
}

std::optional<model::Scheduler> Values::scheduler(const Word& word) {
    if (const auto found = model::scheduler_named(word.text)) return found;
    const auto& names = model::scheduler_names();
    findings_.error(word.at, fmt::format("unknown scheduler '{}'", printable(word.text)),
                    config::suggestion(word.text, {names.begin(), names.end()}));
    return std::nullopt;
}

std::optional<unsigned> Values::mask(const Word& word) {
    if (const auto length = parse_unsigned<unsigned>(word.text); length && *length <= 128) {
        return length;
    }
    const auto address = model::Address::parse(word.text);
    if (address && address->family == model::Family::V4) {
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 4; ++i) bits = bits << 8U | address->bytes[i];
        const int length = std::countl_one(bits);
        if (std::popcount(bits) == length) return static_cast<unsigned>(length);
        findings_.error(word.at, fmt::format("the mask {} has holes", word.text),
                        "its ones stand in front, as in 255.255.255.0");
        return std::nullopt;
    }
    findings_.error(word.at, fmt::format("'{}' is not a mask", printable(word.text)),
                    "as in 255.255.255.0; with IPv6 a length, as in 64");
    return std::nullopt;
}

std::optional<std::uint32_t> Values::mark(const Word& word) {
    return number(word, 1, model::kFirstGroupMark - 1);
}

std::optional<std::size_t> Values::one_of(const Word& word,
                                          std::initializer_list<std::string_view> known) {
    const auto* found = std::find(known.begin(), known.end(), word.text);
    if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
    findings_.error(word.at, fmt::format("unknown word '{}'", printable(word.text)),
                    config::suggestion(word.text, {known.begin(), known.end()}));
    return std::nullopt;
}

std::pair<Word, std::optional<Word>> host_and_port(const Word& word) {
    const std::string_view text = word.text;
    const bool bracket = text.starts_with('[');
    const std::size_t host_end = bracket ? text.find(']') : 0;
    const std::size_t colon =
        bracket ? text.find(':', std::min(host_end, text.size())) : text.rfind(':');
    const bool bare_ipv6 = !bracket && text.find(':') != colon;
    if (colon == std::string_view::npos || bare_ipv6) return {word, std::nullopt};
    Word host = word;
    host.text = text.substr(0, colon);
    Word port = word;
    port.text = text.substr(colon + 1);
    return {host, port};
}

std::string service_name(const model::ServiceKey& key) {
    const std::string port = key.address.port == 0 ? "all" : std::to_string(key.address.port);
    const bool tcp = key.protocol == model::Protocol::Tcp;
    return fmt::format("{}-{}{}{}", key.address.address.text(), port, tcp ? "" : "-",
                       tcp ? "" : model::name(key.protocol));
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto c = first_code_point(text);
        if (!c) return false;
        text.remove_prefix(c->bytes);
    }
    return true;
}

std::vector<std::string> arguments(std::string_view command) {
    std::vector<std::string> all;
    bool in_word = false;
    char quote = 0;
    for (std::size_t i = 0; i < command.size(); ++i) {
        char c = command[i];
        const bool blank = c == ' ' || c == '\t';
        if (quote == 0 && blank) {
            in_word = false;
            continue;
        }
        if (!in_word) all.emplace_back();
        in_word = true;
        if (c == quote || (quote == 0 && (c == '"' || c == '\''))) {
            quote = quote == 0 ? c : '\0';
            continue;
        }
        if (c == '\\' && quote != '\'' && i + 1 < command.size()) c = command[++i];
        all.back() += c;
    }
    return all;
}

std::string shell_signs(std::string_view command) {
    std::string found;
    for (const std::string_view sign : {"|", ">", "<", "&", ";", "`", "$", "*"}) {
        if (command.find(sign) != std::string_view::npos) found += sign;
    }
    return found;
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

}  // namespace isobar::importer
