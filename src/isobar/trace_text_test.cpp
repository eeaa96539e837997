// SPDX-License-Identifier: Apache-2.0
#include "isobar/trace_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace isobar::cli {
namespace {

using model::TracedPacket;

// TCP from 10.0.0.100:40000 to 10.0.0.2:80, or to the server that it is sent to.
TracedPacket::Frame syn(std::initializer_list<std::uint8_t> destination) {
    TracedPacket::Frame frame{74, std::vector<std::uint8_t>(54)};
    auto& bytes = frame.bytes;
    bytes[12] = 8;
    bytes[14] = 0x45;
    bytes[23] = 6;
    std::ranges::copy(std::initializer_list<std::uint8_t>{10, 0, 0, 100}, bytes.begin() + 26);
    std::ranges::copy(destination, bytes.begin() + 30);
    bytes[34] = 0x9c;
    bytes[35] = 0x40;
    bytes[37] = 80;
    bytes[47] = 2;
    return frame;
}

TracedPacket forwarded() {
    TracedPacket packet;
    packet.at = std::chrono::sys_days(std::chrono::year(2026) / 11 / 27) + std::chrono::hours(4) +
                std::chrono::nanoseconds(1234567);
    packet.interface = "eth0";
    packet.hook = TracedPacket::Hook::Xdp;
    packet.verdict = "forwarded";
    packet.meaning = "client packet, sent to its real server";
    packet.came = syn({10, 0, 0, 2});
    packet.went = syn({192, 168, 10, 100});
    packet.way = {.interface = "eth1", .neighbour = model::Address::v4(192, 168, 10, 100)};
    return packet;
}

TEST(TraceText, ALineSaysWhatCameWhyAndWhatItBecame) {
    EXPECT_EQ(trace_text(forwarded(), Colours::Off),
              "04:00:00.001234 eth0 xdp     tcp 10.0.0.100:40000 > 10.0.0.2:80 [S], 74 bytes: "
              "forwarded: client packet, sent to its real server; -> tcp 10.0.0.100:40000 > "
              "192.168.10.100:80 [S] by eth1 to 192.168.10.100\n");
}

TEST(TraceText, WhatStaysAsItIsIsNotSaidTwice) {
    auto packet = forwarded();
    packet.went = packet.came;
    EXPECT_EQ(trace_comment(packet),
              "forwarded: client packet, sent to its real server; -> by eth1 to 192.168.10.100");
    packet.way.reset();
    EXPECT_EQ(trace_comment(packet), "forwarded: client packet, sent to its real server");
    EXPECT_TRUE(nlohmann::json::parse(trace_json(packet))["became"].is_null());
}

TEST(TraceText, JsonHasItAllInFields) {
    const auto json = nlohmann::json::parse(trace_json(forwarded()));
    EXPECT_EQ(json["at"], "2026-11-27T04:00:00.001234567Z");
    EXPECT_EQ(json["hook"], "xdp");
    EXPECT_EQ(json["packet"]["length"], 74);
    EXPECT_EQ(json["packet"]["layers"][0]["source"]["port"], 40000);
    EXPECT_EQ(json["became"]["layers"][0]["destination"]["address"], "192.168.10.100");
    EXPECT_EQ(json["out"]["interface"], "eth1");
    EXPECT_EQ(json["lost"], false);
}

}  // namespace
}  // namespace isobar::cli
