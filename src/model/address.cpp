// SPDX-License-Identifier: Apache-2.0
#include "model/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>

#include "base/text.h"

namespace isobar::model {
namespace {

// Digits only, no sign, no leading zero: "80", not "+80" or "080".
std::optional<unsigned> parse_number(std::string_view text, unsigned largest) {
    if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    const auto number = parse_unsigned<unsigned>(text);
    return number && *number <= largest ? number : std::nullopt;
}

constexpr unsigned bits_of(Family family) {
    return family == Family::V4 ? 32 : 128;
}

}  // namespace

Address Address::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return Address{Family::V4, {a, b, c, d}};
}

std::optional<Address> Address::parse(std::string_view text) {
    // inet_pton wants a terminated string and is as strict as we want to be: four decimal
    // parts without leading zeros, or RFC 4291 text without a zone.
    std::array<char, INET6_ADDRSTRLEN> copy{};
    if (text.empty() || text.size() >= copy.size()) return std::nullopt;
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    std::copy(text.begin(), text.end(), copy.begin());

    Address address;
    address.family = text.find(':') == std::string_view::npos ? Family::V4 : Family::V6;
    const int family = address.family == Family::V4 ? AF_INET : AF_INET6;
    if (::inet_pton(family, copy.data(), address.bytes.data()) != 1) return std::nullopt;
    return address;
}

std::string Address::text() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int af = family == Family::V4 ? AF_INET : AF_INET6;
    ::inet_ntop(af, bytes.data(), text.data(), text.size());
    return text.data();
}

bool is_unicast(const Address& address) {
    const auto& bytes = address.bytes;
    if (address.family == Family::V6) {
        return bytes[0] != 0xff && bytes != decltype(address.bytes){};
    }
    const bool multicast = (bytes[0] & 0xf0) == 0xe0;
    const bool broadcast = std::all_of(bytes.begin(), bytes.begin() + 4,
                                       [](std::uint8_t byte) { return byte == 255; });
    return bytes[0] != 0 && !multicast && !broadcast;
}

bool is_link_local(const Address& address) {
    return address.family == Family::V6 && address.bytes[0] == 0xfe &&
           (address.bytes[1] & 0xc0) == 0x80;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (brackets) host = host.substr(1, host.size() - 2);

    const auto address = Address::parse(host);
    const auto port = parse_number(text.substr(colon + 1), 65535);
    if (!address || !port) return std::nullopt;
    // Without brackets "fd00::1:80" would be an address of its own.
    if (brackets != (address->family == Family::V6)) return std::nullopt;
    return Endpoint{*address, static_cast<Port>(*port)};
}

std::string Endpoint::text() const {
    const std::string host =
        address.family == Family::V6 ? "[" + address.text() + "]" : address.text();
    return host + ":" + std::to_string(port);
}

Network Network::around(const Address& address, unsigned prefix) {
    Network network{address, std::min(prefix, bits_of(address.family))};
    for (std::size_t i = 0; i < network.address.bytes.size(); ++i) {
        const auto first_bit = static_cast<unsigned>(i * 8);
        const unsigned kept =
            network.prefix <= first_bit ? 0 : std::min(8U, network.prefix - first_bit);
        const auto mask = static_cast<std::uint8_t>(0xff00U >> kept);
        network.address.bytes[i] = static_cast<std::uint8_t>(network.address.bytes[i] & mask);
    }
    return network;
}

std::optional<Network> Network::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = Address::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    const auto prefix = parse_number(text.substr(slash + 1), bits_of(address->family));
    if (!prefix) return std::nullopt;

    const Network network = around(*address, *prefix);
    if (network.address != *address) return std::nullopt;
    return network;
}

std::string Network::text() const {
    return address.text() + "/" + std::to_string(prefix);
}

}  // namespace isobar::model
