// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/told.h"

#include <gtest/gtest.h>

namespace isobar::agent {
namespace {

using api::RealServer;
using api::Served;
using model::Encapsulation;
using enum model::ForwardingMethod;

const model::Address kReal = *model::Address::parse("192.168.10.100");
const model::Address kVip = *model::Address::parse("10.0.0.2");
const model::Address kVip2 = *model::Address::parse("10.0.0.3");
const model::Address kVip6 = *model::Address::parse("fd00::2");

Served served(const model::Address& vip, model::ForwardingMethod forward, model::Port port = 80,
              model::Tunnel tunnel = {}) {
    return {model::Protocol::Tcp, {vip, port}, 0, forward, tunnel};
}

Served by_gue(const model::Address& vip, model::Port tunnel_port) {
    return served(vip, Tun, 80, {Encapsulation::Gue, tunnel_port, model::TunnelChecksum::None});
}

TEST(Told, VipsAndTunnelsAreThoseOfAllDirectors) {
    const auto settings = with_told({}, {{kReal, {served(kVip, Dr), served(kVip, Dr, 443)}},
                                         {kReal, {by_gue(kVip6, 5555), served(kVip2, Tun)}}});

    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->vips, (std::vector<Vip>{{kVip, ""}, {kVip6, ""}, {kVip2, ""}}));
    EXPECT_EQ(settings->tunnels, (std::set{Tunnel::Gue, Tunnel::Ipip}));
    EXPECT_EQ(settings->gue_port, 5555);
}

TEST(Told, WhatTheDirectorRewritesNeedsNoVipHere) {
    const auto settings = with_told({}, {{kReal, {served(kVip, Nat), served(kVip2, FullNat)}}});

    EXPECT_EQ(settings.value(), Settings{});
}

TEST(Told, WhatIsGivenByHandStays) {
    Settings by_hand;
    by_hand.vips = {{kVip, "eth1"}, {kVip2, ""}};
    by_hand.tunnels = {Tunnel::Gre};
    by_hand.gue_port = 7000;

    EXPECT_EQ(with_told(by_hand, {}).value(), by_hand);
    EXPECT_EQ(with_told(by_hand, {{kReal, {served(kVip, Dr)}}}).value(), by_hand);
}

TEST(Told, WhatCannotBeDoneTogetherIsRefused) {
    EXPECT_EQ(with_told({}, {{kReal, {by_gue(kVip, 6080), by_gue(kVip2, 6081)}}}).error().message,
              "GUE comes to two ports, 6080 and 6081: this program takes one");
    Settings kernel;
    kernel.decap = Decap::Kernel;
    EXPECT_FALSE(with_told(kernel, {{kReal, {by_gue(kVip, 6080)}}}));
    EXPECT_TRUE(with_told(kernel, {{kReal, {served(kVip, Tun)}}}));
    EXPECT_TRUE(with_told(kernel, {{kReal, {}}}));
}

TEST(Told, AVipThatIsMissingForTheFirstTimeCounts) {
    const RealServer before{kReal, {served(kVip, Dr), served(kVip2, Dr), served(kVip2, Dr, 443)}};
    const RealServer now{kReal, {served(kVip, Tun), served(kVip6, Dr)}};

    EXPECT_EQ(settled(before, now).services,
              (std::vector{served(kVip, Tun), served(kVip6, Dr), served(kVip2, Dr),
                           served(kVip2, Dr, 443)}));
    EXPECT_EQ(settled(now, now), now);
    EXPECT_EQ(settled({}, now), now);
}

TEST(Told, QuestionsAreOneForEachMethod) {
    const auto questions =
        questions_of({{kReal,
                       {served(kVip, Dr), served(kVip, Nat, 443), served(kVip2, Nat),
                        by_gue(kVip6, 6080), served(kVip2, FullNat, 22)}}},
                     kReal, "isobar-agent --director 192.168.10.1:10539");

    ASSERT_EQ(questions.size(), 3U);
    EXPECT_EQ(questions[0].method, Method::Dr);
    EXPECT_EQ(questions[0].vips, std::vector{kVip});
    EXPECT_EQ(questions[1].method, Method::Tun);
    EXPECT_EQ(questions[1].vips, std::vector{kVip6});
    EXPECT_EQ(questions[1].tunnels, std::set{Tunnel::Gue});
    EXPECT_EQ(questions[2].method, Method::Nat);
    EXPECT_EQ(questions[2].vips, std::vector{kVip2});  // the other one has to be here
    EXPECT_EQ(questions[2].gateway, kReal);
    EXPECT_TRUE(questions_of({{kReal, {}}}, {}, "").empty());
}

TEST(Told, QuestionsNameThePortsThatClientsComeTo) {
    auto by_nat = served(kVip2, Nat, 80);
    by_nat.server_port = 8080;
    auto range = served(kVip, Dr, 8000);
    range.last_port = 8010;
    const auto questions = questions_of(
        {{kReal, {served(kVip, Dr, 443), range, served(kVip, Dr, 0), by_nat, served(kVip2, Nat)}}},
        {}, "");

    ASSERT_EQ(questions.size(), 2U);
    EXPECT_EQ(questions[0].ports, (std::vector<Listening>{{model::Protocol::Tcp, {kVip, 443}}}));
    ASSERT_EQ(questions[1].ports.size(), 1U);
    EXPECT_EQ(questions[1].ports[0].at.port, 8080);
    EXPECT_TRUE(is_any(questions[1].ports[0].at.address));
}

}  // namespace
}  // namespace isobar::agent
