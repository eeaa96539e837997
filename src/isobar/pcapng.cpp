// SPDX-License-Identifier: Apache-2.0
#include "isobar/pcapng.h"

#include <algorithm>
#include <utility>

namespace isobar::cli {
namespace {

constexpr std::uint32_t kSection = 0x0a0d0d0a, kInterface = 1, kPacket = 6;
constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint16_t kEthernet = 1;
constexpr std::uint16_t kComment = 1, kApplication = 4, kName = 2, kResolution = 9, kFlags = 2;
constexpr std::size_t kMostText = 65535;  // of an option

// In the byte order of this machine: the magic number tells which that is.
template <typename Number>
void put(std::string& text, Number number) {
    text.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void pad(std::string& text) {
    text.append((4 - text.size() % 4) % 4, '\0');
}

void put_option(std::string& text, std::uint16_t code, std::string_view value) {
    value = value.substr(0, kMostText);
    put(text, code);
    put(text, static_cast<std::uint16_t>(value.size()));
    text += value;
    pad(text);
}

void put_end(std::string& options) {
    put(options, std::uint32_t{0});
}

// Its length stands at both ends.
std::string block(std::uint32_t type, const std::string& body) {
    const auto length = static_cast<std::uint32_t>(body.size() + 12);
    std::string text;
    put(text, type);
    put(text, length);
    text += body;
    put(text, length);
    return text;
}

std::string interface_block(std::string_view name, std::size_t most) {
    std::string body;
    put(body, kEthernet);
    put(body, std::uint16_t{0});
    put(body, static_cast<std::uint32_t>(most));
    put_option(body, kName, name);
    put_option(body, kResolution, "\x09");  // nanoseconds
    put_end(body);
    return block(kInterface, body);
}

}  // namespace

std::string Pcapng::head() const {
    std::string body;
    put(body, kByteOrder);
    put(body, std::uint16_t{1});  // version 1.0
    put(body, std::uint16_t{0});
    put(body, std::int64_t{-1});  // as long as the file
    put_option(body, kApplication, program_);
    put_end(body);
    return block(kSection, body);
}

std::string Pcapng::blocks(const Packet& packet) {
    std::string text;
    auto found = interfaces_.find(packet.interface);
    if (found == interfaces_.end()) {
        text = interface_block(packet.interface, most_);
        found =
            interfaces_.emplace(packet.interface, static_cast<std::uint32_t>(interfaces_.size()))
                .first;
    }
    const auto at = static_cast<std::uint64_t>(packet.at.time_since_epoch().count());
    const auto bytes = packet.bytes.subspan(0, std::min(packet.bytes.size(), most_));
    std::string body;
    put(body, found->second);
    put(body, static_cast<std::uint32_t>(at >> 32));
    put(body, static_cast<std::uint32_t>(at));
    put(body, static_cast<std::uint32_t>(bytes.size()));
    put(body, static_cast<std::uint32_t>(std::max(packet.length, bytes.size())));
    body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    pad(body);
    put_option(body, kComment, packet.comment);
    std::string direction;
    put(direction, std::uint32_t{packet.outbound ? 2U : 1U});
    put_option(body, kFlags, direction);
    put_end(body);
    return text + block(kPacket, body);
}

}  // namespace isobar::cli
