// SPDX-License-Identifier: Apache-2.0
// What an Ethernet frame is, for people to read: who speaks to whom, and of what. The bytes may be
// cut off anywhere and say anything.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/address.h"

namespace isobar::model {

// One pair of ends, of the packet itself, or of one that it carries or quotes.
struct FrameLayer {
    std::string protocol{};  // "tcp", "ipip"; "protocol 50", "arp" where there are no ends
    std::optional<Address> source{}, destination{};
    std::optional<Port> source_port{}, destination_port{};
    std::string detail{};  // "[S.]", "port unreachable", "fragment at 1480"

    [[nodiscard]] std::string text() const;
    bool operator==(const FrameLayer&) const = default;
};

// Frames of one's own making may be in a tunnel whose port only the director knows.
enum class UdpMayBe : std::uint8_t { Itself, Gue };

// The outermost first; never empty.
std::vector<FrameLayer> read_frame(std::span<const std::uint8_t> bytes,
                                   UdpMayBe udp = UdpMayBe::Itself);

// "ipip 10.0.0.1 > 10.0.0.11 (tcp 10.0.0.100:40000 > 10.0.0.2:80 [S])"
std::string text(const std::vector<FrameLayer>& layers);

}  // namespace isobar::model
