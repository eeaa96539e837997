// SPDX-License-Identifier: Apache-2.0
#include "agent/listening.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "base/text.h"

namespace isobar::agent {
namespace {

// States of sockets, as the kernel numbers them: TCP_LISTEN, and UDP without a peer.
constexpr std::string_view kListens = "0A", kUnconnected = "07";

// Words of 32 bits as this machine has them in memory.
std::optional<model::Address> parse_address(std::string_view hex) {
    if (hex.size() != 8 && hex.size() != 32) return std::nullopt;
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < hex.size() / 8; ++i) {
        const auto word = parse_unsigned<std::uint32_t>(hex.substr(i * 8, 8), 16);
        if (!word) return std::nullopt;
        std::memcpy(bytes.data() + i * 4, &*word, 4);
    }
    constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (hex.size() == 32 && std::equal(kMapped.begin(), kMapped.end(), bytes.begin()))
        return model::Address::v4(bytes[12], bytes[13], bytes[14], bytes[15]);
    return model::Address{hex.size() == 8 ? model::Family::V4 : model::Family::V6, bytes};
}

}  // namespace

bool is_any(const model::Address& address) {
    return std::ranges::all_of(address.bytes, [](std::uint8_t byte) { return byte == 0; });
}

std::vector<Listening> parse_listening(std::string_view text, model::Protocol protocol) {
    std::vector<Listening> found;
    for (const std::string_view line : split(text, '\n')) {
        // "0: 0B00000A:0050 00000000:0000 0A ..."
        const auto fields = split(line, ' ');
        if (fields.size() < 4) continue;
        const auto colon = fields[1].find(':');
        if (colon == std::string_view::npos) continue;
        const auto address = parse_address(fields[1].substr(0, colon));
        const auto port = parse_unsigned<model::Port>(fields[1].substr(colon + 1), 16);
        const auto state = protocol == model::Protocol::Tcp ? kListens : kUnconnected;
        if (address && port && fields[3] == state) found.push_back({protocol, {*address, *port}});
    }
    return found;
}

std::optional<std::vector<Listening>> read_listening(const std::filesystem::path& proc_net) {
    std::vector<Listening> all;
    bool read = false;
    for (const auto& [name, protocol] :
         {std::pair("tcp", model::Protocol::Tcp), std::pair("tcp6", model::Protocol::Tcp),
          std::pair("udp", model::Protocol::Udp), std::pair("udp6", model::Protocol::Udp)}) {
        std::ifstream file(proc_net / name);
        if (!file) continue;  // tcp6: a kernel without IPv6
        read = true;
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        const auto found = parse_listening(text, protocol);
        all.insert(all.end(), found.begin(), found.end());
    }
    if (!read) return std::nullopt;
    return all;
}

}  // namespace isobar::agent
