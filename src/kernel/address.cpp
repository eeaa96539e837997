// SPDX-License-Identifier: Apache-2.0
#include "kernel/address.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace isobar::kernel {
namespace {

// ::ffff:0:0/96, the prefix of IPv4 in the IPv6 form (RFC 4291, 2.5.5.2)
constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

isobar_address to_abi(const model::Address& address) {
    isobar_address out{};
    if (address.family == model::Family::V6) {
        std::memcpy(&out, address.bytes.data(), 16);
        return out;
    }
    auto* bytes = reinterpret_cast<std::uint8_t*>(&out);
    std::memcpy(bytes, kMapped.data(), kMapped.size());
    std::memcpy(bytes + kMapped.size(), address.bytes.data(), 4);
    return out;
}

model::Address from_abi(const isobar_address& address) {
    model::Address out;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&address);
    if (std::memcmp(bytes, kMapped.data(), kMapped.size()) == 0) {
        out.family = model::Family::V4;
        std::memcpy(out.bytes.data(), bytes + kMapped.size(), 4);
        return out;
    }
    out.family = model::Family::V6;
    std::memcpy(out.bytes.data(), bytes, 16);
    return out;
}

}  // namespace isobar::kernel
