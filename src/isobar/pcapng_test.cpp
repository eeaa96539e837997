// SPDX-License-Identifier: Apache-2.0
#include "isobar/pcapng.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace isobar::cli {
namespace {

struct Block {
    std::uint32_t type = 0;
    std::string body;
};

std::uint32_t number_at(const std::string& text, std::size_t at) {
    std::uint32_t number = 0;
    std::memcpy(&number, text.data() + at, sizeof number);
    return number;
}

// Checks what a reader relies on: the length at both ends, in fours.
std::vector<Block> blocks_of(const std::string& text) {
    std::vector<Block> blocks;
    for (std::size_t at = 0; at < text.size();) {
        const auto length = number_at(text, at + 4);
        EXPECT_EQ(length % 4, 0U);
        if (length < 12 || at + length > text.size()) {
            ADD_FAILURE() << "a block of " << length << " bytes";
            break;
        }
        EXPECT_EQ(number_at(text, at + length - 4), length);
        blocks.push_back({number_at(text, at), text.substr(at + 8, length - 12)});
        at += length;
    }
    return blocks;
}

const std::vector<std::uint8_t> kBytes(61, 0x5a);

Pcapng::Packet packet(std::string_view interface) {
    return {.interface = interface,
            .at = std::chrono::sys_time<std::chrono::nanoseconds>(
                std::chrono::nanoseconds(0x1234500000006789)),
            .length = 1500,
            .bytes = kBytes,
            .outbound = false,
            .comment = "no_server: why"};
}

TEST(Pcapng, EachInterfaceIsDescribedBeforeItsFirstPacket) {
    Pcapng file("isobar 1", 256);
    std::string text = file.head();
    for (const char* interface : {"eth0", "eth1", "eth0"}) text += file.blocks(packet(interface));
    const auto blocks = blocks_of(text);

    std::vector<std::uint32_t> types;
    for (const Block& block : blocks) types.push_back(block.type);
    EXPECT_THAT(types, testing::ElementsAre(0x0a0d0d0aU, 1U, 6U, 1U, 6U, 6U));
    EXPECT_EQ(number_at(blocks[0].body, 0), 0x1a2b3c4dU);
    EXPECT_THAT(blocks[1].body, testing::HasSubstr("eth0"));
    EXPECT_EQ(number_at(blocks[2].body, 0), 0U);
    EXPECT_EQ(number_at(blocks[4].body, 0), 1U);
    EXPECT_EQ(number_at(blocks[5].body, 0), 0U);
}

TEST(Pcapng, APacketHasItsTimeItsLengthsAndItsComment) {
    Pcapng file("isobar 1", 256);
    const auto body = blocks_of(file.blocks(packet("eth0"))).at(1).body;
    EXPECT_EQ(number_at(body, 4), 0x12345000U);
    EXPECT_EQ(number_at(body, 8), 0x00006789U);
    EXPECT_EQ(number_at(body, 12), 61U);
    EXPECT_EQ(number_at(body, 16), 1500U);
    EXPECT_THAT(body, testing::HasSubstr("no_server: why"));
}

TEST(Pcapng, NoMoreIsKeptThanTheInterfaceSays) {
    Pcapng file("isobar 1", 32);
    const auto blocks = blocks_of(file.blocks(packet("eth0")));
    EXPECT_EQ(number_at(blocks.at(0).body, 4), 32U);
    EXPECT_EQ(number_at(blocks.at(1).body, 12), 32U);
}

}  // namespace
}  // namespace isobar::cli
