// SPDX-License-Identifier: Apache-2.0
#include "base/printable.h"

#include <array>
#include <cstdint>

#include <fmt/format.h>

namespace isobar {
namespace {

struct Lead {
    unsigned char mask, bits;
    std::size_t bytes;
    char32_t smallest;  // anything below has a shorter form
};

constexpr std::array kLeads = {
    Lead{0x80, 0x00, 1, 0},
    Lead{0xe0, 0xc0, 2, 0x80},
    Lead{0xf0, 0xe0, 3, 0x800},
    Lead{0xf8, 0xf0, 4, 0x10000},
};

std::string escaped(char32_t c) {
    switch (c) {
        case '\n':
            return "\\n";
        case '\r':
            return "\\r";
        case '\t':
            return "\\t";
        default:
            return c < 0x80 ? fmt::format("\\x{:02x}", static_cast<unsigned>(c))
                            : fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(c));
    }
}

}  // namespace

std::optional<CodePoint> first_code_point(std::string_view text) {
    if (text.empty()) return std::nullopt;
    const auto first = static_cast<unsigned char>(text.front());
    for (const Lead& lead : kLeads) {
        if ((first & lead.mask) != lead.bits) continue;
        if (text.size() < lead.bytes) return std::nullopt;
        char32_t value = first & static_cast<unsigned char>(~lead.mask);
        for (const char c : text.substr(1, lead.bytes - 1)) {
            const auto byte = static_cast<unsigned char>(c);
            if ((byte & 0xc0) != 0x80) return std::nullopt;
            value = (value << 6) | (byte & 0x3f);
        }
        const bool surrogate = value >= 0xd800 && value <= 0xdfff;
        if (value < lead.smallest || value > 0x10ffff || surrogate) return std::nullopt;
        return CodePoint{value, lead.bytes};
    }
    return std::nullopt;
}

bool is_printable(char32_t c) {
    const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    const bool line_end = c == 0x2028 || c == 0x2029;
    const bool direction =
        c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    return !control && !line_end && !direction;
}

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto c = first_code_point(text);
        const std::size_t bytes = c ? c->bytes : 1;
        if (!c) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
        } else if (is_printable(c->value)) {
            out += text.substr(0, bytes);
        } else {
            out += escaped(c->value);
        }
        text.remove_prefix(bytes);
    }
    return out;
}

}  // namespace isobar
