// SPDX-License-Identifier: Apache-2.0
// Packets as tcpdump's and Wireshark's younger file format has them (pcapng, draft-ietf-opsawg-
// pcapng), each with a comment.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace isobar::cli {

// Makes blocks of packets; writes nothing itself.
class Pcapng {
public:
    // `most`: bytes that are kept of a packet.
    Pcapng(std::string program, std::size_t most) : program_(std::move(program)), most_(most) {}

    // What the file begins with.
    [[nodiscard]] std::string head() const;

    struct Packet {
        std::string_view interface;
        std::chrono::sys_time<std::chrono::nanoseconds> at;
        std::size_t length = 0;
        std::span<const std::uint8_t> bytes;
        bool outbound = false;
        std::string_view comment;
    };
    // With the interface before it, when it is new.
    std::string blocks(const Packet& packet);

private:
    std::string program_;
    std::size_t most_;
    std::map<std::string, std::uint32_t, std::less<>> interfaces_;
};

}  // namespace isobar::cli
