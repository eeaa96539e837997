// SPDX-License-Identifier: Apache-2.0
#include "api/query.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdint>
#include <optional>

#include "base/text.h"

namespace isobar::api {
namespace {

// RFC 3986: "%2F" is a slash.
std::optional<std::string> decoded(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            plain += text[i];
            continue;
        }
        const auto byte = parse_unsigned<std::uint8_t>(text.substr(i + 1, 2), 16);
        if (!byte || i + 2 >= text.size()) return std::nullopt;
        plain += static_cast<char>(*byte);
        i += 2;
    }
    return plain;
}

std::string encoded(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '.' ||
                                           c == '_' || c == '~' || c == ':' || c == '/');
        safe += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
    }
    return safe;
}

}  // namespace

Result<Query> parse_query(std::string_view target) {
    Query query;
    const auto mark = target.find('?');
    if (mark == std::string_view::npos) return query;
    for (const std::string_view part : split(target.substr(mark + 1), '&')) {
        const auto equals = part.find('=');
        const auto name = decoded(part.substr(0, equals));
        const auto value =
            equals == std::string_view::npos ? std::string() : decoded(part.substr(equals + 1));
        if (!name || !value) return failure(Fault::Invalid, fmt::format("no query: '{}'", part));
        if (!query.emplace(*name, *value).second)
            return failure(Fault::Invalid, fmt::format("{}: said twice", *name));
    }
    return query;
}

std::string query_text(const Query& query) {
    std::string text;
    for (const auto& [name, value] : query)
        text += fmt::format("{}{}={}", text.empty() ? '?' : '&', encoded(name), encoded(value));
    return text;
}

}  // namespace isobar::api
