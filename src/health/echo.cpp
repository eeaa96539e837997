// SPDX-License-Identifier: Apache-2.0
#include "health/echo.h"

#include <cstddef>

namespace isobar::health {
namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kToken = 8;

struct Types {
    std::uint8_t request;
    std::uint8_t reply;
};
constexpr Types types_of(model::Family family) {
    return family == model::Family::V4 ? Types{8, 0} : Types{128, 129};
}

std::uint8_t byte_at(std::string_view packet, std::size_t at) {
    return static_cast<std::uint8_t>(packet[at]);
}

std::uint16_t number_at(std::string_view packet, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(packet, at) << 8U | byte_at(packet, at + 1));
}

void put(std::string& packet, std::uint64_t number, unsigned bytes) {
    while (bytes > 0) packet.push_back(static_cast<char>(number >> (8 * --bytes)));
}

// RFC 1071. The packet has an even length.
std::uint16_t checksum(std::string_view packet) {
    std::uint32_t sum = 0;
    for (std::size_t at = 0; at + 1 < packet.size(); at += 2) sum += number_at(packet, at);
    while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::string write_echo_request(model::Family family, const Echo& echo) {
    std::string packet;
    put(packet, types_of(family).request, 1);
    put(packet, 0, 3);  // code, checksum
    put(packet, echo.id, 2);
    put(packet, echo.sequence, 2);
    put(packet, echo.token, kToken);
    if (family == model::Family::V4) {
        std::string sum;
        put(sum, checksum(packet), 2);
        packet.replace(2, 2, sum);
    }
    return packet;
}

std::optional<Echo> read_echo_reply(model::Family family, std::string_view packet,
                                    bool has_ip_header) {
    if (has_ip_header) {
        if (packet.empty()) return std::nullopt;
        const std::size_t header = (byte_at(packet, 0) & 0x0fU) * std::size_t{4};
        if (header < 20 || header > packet.size()) return std::nullopt;
        packet.remove_prefix(header);
    }
    if (packet.size() < kHeader + kToken || byte_at(packet, 0) != types_of(family).reply ||
        byte_at(packet, 1) != 0) {
        return std::nullopt;
    }
    Echo echo{.id = number_at(packet, 4), .sequence = number_at(packet, 6)};
    for (std::size_t at = kHeader; at < kHeader + kToken; ++at) {
        echo.token = echo.token << 8U | byte_at(packet, at);
    }
    return echo;
}

}  // namespace isobar::health
