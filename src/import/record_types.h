// SPDX-License-Identifier: Apache-2.0
// Types of DNS records (RFC 1035, 3596), as far as checks ask for them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace isobar::importer {

struct RecordType {
    std::string_view name;
    std::uint16_t number;
};

inline constexpr std::array<RecordType, 9> kRecordTypes{{{"A", 1},
                                                         {"NS", 2},
                                                         {"CNAME", 5},
                                                         {"SOA", 6},
                                                         {"PTR", 12},
                                                         {"MX", 15},
                                                         {"TXT", 16},
                                                         {"AAAA", 28},
                                                         {"ANY", 255}}};

constexpr std::string_view record_type_name(std::uint16_t number) {
    for (const auto& type : kRecordTypes) {
        if (type.number == number) return type.name;
    }
    return "SOA";
}

constexpr std::optional<std::uint16_t> record_type(std::string_view name) {
    for (const auto& type : kRecordTypes) {
        if (type.name == name) return type.number;
    }
    return std::nullopt;
}

}  // namespace isobar::importer
