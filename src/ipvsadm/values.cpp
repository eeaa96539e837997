// SPDX-License-Identifier: Apache-2.0
#include "ipvsadm/values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "model/scheduler_flags.h"

namespace isobar::ipvsadm {
namespace {

constexpr std::int64_t kMaxNumber = std::numeric_limits<std::int64_t>::max();

std::optional<model::Port> parse_port(const std::string& text, std::optional<ServiceKind> kind,
                                      Names& names) {
    const auto number = parse_number(text, 0, std::numeric_limits<model::Port>::max());
    if (number) return static_cast<model::Port>(*number);
    if (text.empty() || !kind) return std::nullopt;
    return names.find_port(text, *kind);
}

std::optional<model::Address> parse_ipv6(const std::string& text) {
    const auto address = model::Address::parse(text);
    if (!address || address->family != model::Family::V6) return std::nullopt;
    return address;
}

}  // namespace

std::optional<std::int64_t> parse_number(const std::string& text, std::int64_t least,
                                         std::int64_t most) {
    errno = 0;
    char* end = nullptr;
    const long long number = std::strtoll(text.c_str(), &end, 10);
    if (errno != 0 || end == text.c_str() || *end != '\0') return std::nullopt;
    if (number < least || number > most) return std::nullopt;
    return number;
}

std::optional<model::Address> parse_ipv4(const std::string& text) {
    in_addr in{};
    if (inet_aton(text.c_str(), &in) == 0) return std::nullopt;
    model::Address address;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&in), 4, address.bytes.begin());
    return address;
}

std::optional<model::Endpoint> parse_endpoint(const std::string& text,
                                              std::optional<ServiceKind> kind, Names& names) {
    if (text.starts_with('[')) {
        const auto close = text.find("]:");
        if (close == std::string::npos) return std::nullopt;
        const std::string host = text.substr(1, close - 1);
        if (const auto address = parse_ipv4(host))
            return model::Endpoint{*address, 0};  // as ipvsadm
        const auto address = parse_ipv6(host);
        const auto port = parse_port(text.substr(close + 2), kind, names);
        if (!address || !port) return std::nullopt;
        return model::Endpoint{*address, *port};
    }
    if (const auto address = parse_ipv6(text)) return model::Endpoint{*address, 0};

    const auto colon = text.find(':');
    const std::string host = text.substr(0, colon);
    const bool bare_number = colon == std::string::npos && parse_number(text, 0, kMaxNumber);
    if (host.empty() || bare_number) return std::nullopt;
    std::optional<model::Port> port = 0;
    if (colon != std::string::npos) port = parse_port(text.substr(colon + 1), kind, names);
    if (!port) return std::nullopt;
    auto address = parse_ipv4(host);
    if (!address) address = names.find_address(host);
    if (!address) return std::nullopt;
    return model::Endpoint{*address, *port};
}

std::optional<std::uint8_t> prefix_of_mask(const model::Address& mask) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i) bits = bits << 8 | mask.bytes[i];
    const int length = std::countl_one(bits);
    if (std::popcount(bits) != length) return std::nullopt;
    return static_cast<std::uint8_t>(length);
}

std::string mask_text(std::uint8_t prefix) {
    const std::uint32_t bits = prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
    return fmt::format("{}.{}.{}.{}", bits >> 24, bits >> 16 & 0xff, bits >> 8 & 0xff, bits & 0xff);
}

bool is_multicast(const model::Address& address) {
    if (address.family == model::Family::V6) return address.bytes[0] == 0xff;
    return (address.bytes[0] & 0xf0) == 0xe0;
}

std::optional<std::string> find_flag_mistake(const std::string& flags,
                                             const std::string& scheduler) {
    for (const auto word : split(flags, ',')) {
        const auto* flag = model::scheduler_flag_named(word);
        if (flag == nullptr) return fmt::format("invalid scheduler flag `{}'", word);
        if (flag->scheduler && name(*flag->scheduler) != scheduler) {
            return fmt::format("incompatible scheduler flag `{}'", word);
        }
    }
    return std::nullopt;
}

model::SchedulerFlags parse_scheduler_flags(const std::string& flags) {
    model::SchedulerFlags all;
    for (const auto word : split(flags, ',')) {
        const auto* flag = model::scheduler_flag_named(word);
        if (flag != nullptr) all.set(flag->flags);
    }
    return all;
}

}  // namespace isobar::ipvsadm
