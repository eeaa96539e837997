// SPDX-License-Identifier: Apache-2.0
// Internet addresses and endpoints as plain values. Host byte order for ports; address
// bytes as they are written (most significant first).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace isobar::model {

using Port = std::uint16_t;

enum class Family : std::uint8_t { V4, V6 };

// An IPv4 or IPv6 address. IPv4 uses the first four bytes; the rest are zero.
struct Address {
    Family family = Family::V4;
    std::array<std::uint8_t, 16> bytes{};

    static Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
    // "10.0.0.2" or "fd00::1"; nothing else (no names, no brackets, no "010").
    static std::optional<Address> parse(std::string_view text);

    [[nodiscard]] std::string text() const;
    auto operator<=>(const Address&) const = default;
};

// Can a service or server have this address? (not 0.0.0.0/8, multicast, broadcast, ::, ff00::/8)
bool is_unicast(const Address& address);
// fe80::/10 (RFC 4291, 2.5.6): which link it is on, the address does not say.
bool is_link_local(const Address& address);

struct Endpoint {
    Address address;
    Port port = 0;

    // "10.0.0.2:80" or "[fd00::1]:80"; the port is required, 0..65535.
    static std::optional<Endpoint> parse(std::string_view text);

    [[nodiscard]] std::string text() const;
    auto operator<=>(const Endpoint&) const = default;
};

// A network: "192.168.10.0/24". Bits below the prefix must be zero.
struct Network {
    Address address;
    unsigned prefix = 0;

    static std::optional<Network> parse(std::string_view text);
    // The network that `address` is in: bits below the prefix are cleared.
    static Network around(const Address& address, unsigned prefix);

    [[nodiscard]] std::string text() const;
    auto operator<=>(const Network&) const = default;
};

}  // namespace isobar::model
