// SPDX-License-Identifier: Apache-2.0
// Asks the neighbours of this host who has an IPv4 address, whatever the kernel believes (RFC 826).
// Needs CAP_NET_RAW.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/address.h"

namespace isobar::cli {

using Mac = std::array<std::uint8_t, 6>;
std::string text(const Mac& mac);  // "52:54:00:12:34:56"

struct ArpQuestion {
    int link = 0;  // ifindex
    model::Address target;
    model::Address source;  // of this host there; all zeros: it has none
    auto operator<=>(const ArpQuestion&) const = default;
};

struct ArpAnswer {
    int link = 0;
    model::Address address;
    Mac mac{};
    auto operator<=>(const ArpAnswer&) const = default;
};

// Who answers within `patience`, sorted, each once. More than one may answer the same question.
Result<std::vector<ArpAnswer>> ask_arp(const std::vector<ArpQuestion>& questions,
                                       std::chrono::milliseconds patience);

}  // namespace isobar::cli
