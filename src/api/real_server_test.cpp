// SPDX-License-Identifier: Apache-2.0
#include "api/real_server.h"

#include <gtest/gtest.h>

namespace isobar::api {
namespace {

using enum model::ForwardingMethod;
using model::Protocol;

const model::Address kReal1 = *model::Address::parse("192.168.10.100");
const model::Address kReal2 = *model::Address::parse("192.168.10.101");
const model::Address kVip = *model::Address::parse("10.0.0.2");
const model::Address kVip6 = *model::Address::parse("fd00::2");
constexpr std::uint32_t kGroup = model::kFirstGroupMark | 7;

model::ServiceStatus service(const model::ServiceKey& key,
                             const std::vector<model::RealServer>& servers) {
    model::ServiceStatus status;
    status.key = key;
    for (const model::RealServer& server : servers) {
        status.servers.emplace_back();
        status.servers.back().server = server;
    }
    return status;
}

model::MarkRule rule(const model::Address& to, model::Port first, model::Port last,
                     std::uint32_t mark, unsigned prefix = 32) {
    return {Protocol::Tcp, {{to.family, {}}, 0}, {to, prefix}, first, last, mark};
}

RealServer full_answer() {
    return {kReal1,
            {{Protocol::Tcp, {kVip, 80}, 0, Dr, {}},
             {Protocol::Tcp, {kVip, 8000}, 8010, Nat, {}},
             {Protocol::Udp,
              {kVip6, 0},
              0,
              Tun,
              {model::Encapsulation::Gue, 6080, model::TunnelChecksum::Full}}}};
}

TEST(RealServer, IsToldWhatComesToItAndNothingElse) {
    const model::Tunnel gre{model::Encapsulation::Gre, 0, model::TunnelChecksum::None};
    const std::vector services = {
        service({Protocol::Tcp, {kVip, 80}}, {{{kReal2, 80}, 1, Dr}, {{kReal1, 80}, 0, Dr}}),
        service({Protocol::Udp, {kVip6, 53}}, {{{kReal1, 53}, 1, Tun, gre}}),
        service({Protocol::Tcp, {kVip, 22}}, {{{kReal2, 22}, 1, Nat}}),
    };

    const RealServer told = real_server(kReal1, services, {});

    EXPECT_EQ(told, (RealServer{kReal1,
                                {{Protocol::Tcp, {kVip, 80}, 0, Dr, {}},
                                 {Protocol::Udp, {kVip6, 53}, 0, Tun, gre}}}));
    EXPECT_TRUE(real_server(kVip, services, {}).services.empty());
}

TEST(RealServer, ByNatEachOfItsPortsIsTold) {
    const std::vector services = {
        service({Protocol::Tcp, {kVip, 80}}, {{{kReal1, 8080}, 1, Nat}, {{kReal1, 8081}, 1, Nat}})};

    const auto told = real_server(kReal1, services, {});
    ASSERT_EQ(told.services.size(), 2U);
    EXPECT_EQ(told.services[0].server_port, 8080);
    EXPECT_EQ(told.services[1].server_port, 8081);
    EXPECT_EQ(parse_real_server(real_server_json(told)).value(), told);
}

TEST(RealServer, WhatComesByTwoWaysAlikeIsToldOnce) {
    const std::vector services = {
        service({Protocol::Tcp, {kVip, 80}}, {{{kReal1, 80}, 1, Dr}, {{kReal1, 81}, 1, Dr}})};

    EXPECT_EQ(real_server(kReal1, services, {}).services.size(), 1U);
}

TEST(RealServer, AddressesOfAGroupAreThoseOfItsMark) {
    const std::vector services = {
        service(model::ServiceKey::by_mark(kGroup), {{{kReal1, 0}, 1, Dr}})};
    const std::vector marks = {
        rule(kVip, 80, 80, kGroup),       rule(kVip, 8000, 8010, kGroup),
        rule(kReal2, 0, 65535, kGroup),   rule(kVip, 81, 81, kGroup + 1),
        rule(kVip6, 80, 80, kGroup, 128),  // of the other family
        rule(kReal1, 80, 80, kGroup, 24),  // a whole network
    };

    EXPECT_EQ(real_server(kReal1, services, marks).services,
              (std::vector<Served>{{Protocol::Tcp, {kVip, 80}, 0, Dr, {}},
                                   {Protocol::Tcp, {kVip, 8000}, 8010, Dr, {}},
                                   {Protocol::Tcp, {kReal2, 0}, 0, Dr, {}}}));
}

// Agents of other versions read this: a field that moves here breaks them.
TEST(RealServerJson, IsWhatTheDocumentationSays) {
    EXPECT_EQ(real_server_json(full_answer()),
              R"({"version":1,"address":"192.168.10.100","services":[)"
              R"({"protocol":"tcp","address":"10.0.0.2:80","last_port":0,"forward":"dr"},)"
              R"({"protocol":"tcp","address":"10.0.0.2:8000","last_port":8010,"forward":"nat"},)"
              R"({"protocol":"udp","address":"[fd00::2]:0","last_port":0,"forward":"tun",)"
              R"("tunnel":{"type":"gue","port":6080,"checksum":"full"}}]})");
}

TEST(RealServerJson, IsReadBackWhole) {
    EXPECT_EQ(parse_real_server(real_server_json(full_answer())).value(), full_answer());
    EXPECT_EQ(parse_real_server(real_server_json({kReal1, {}})).value(), (RealServer{kReal1, {}}));
}

TEST(RealServerJson, UnknownFieldsArePassedOver) {
    EXPECT_EQ(parse_real_server(R"({"x":[{}],"version":1,"address":"10.0.0.5","services":[)"
                                R"({"protocol":"tcp","address":"10.0.0.2:80","last_port":0,)"
                                R"("forward":"dr","weight":3}]})")
                  .value()
                  .services.size(),
              1U);
}

TEST(ParseRealServer, RefusesAnotherVersion) {
    EXPECT_EQ(parse_real_server(R"({"version":2})").error().fault, Fault::Unsupported);
}

TEST(ParseRealServer, RefusesEveryTruncation) {
    const std::string whole = real_server_json(full_answer());
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_FALSE(parse_real_server(whole.substr(0, length)).has_value()) << length;
}

TEST(ParseRealServer, RefusesWhatNoDirectorSays) {
    const auto answer = [](const std::string& service) {
        return R"({"version":1,"address":"10.0.0.5","services":[)" + service + "]}";
    };
    const std::string good =
        R"({"protocol":"tcp","address":"10.0.0.2:80","last_port":0,"forward":"dr"})";
    ASSERT_TRUE(parse_real_server(answer(good)).has_value());
    const auto with = [&](const std::string& before, const std::string& after) {
        std::string service = good;
        service.replace(service.find(before), before.size(), after);
        return answer(service);
    };
    for (const std::string& text : {
             std::string("null"),
             std::string("<html>It works!</html>"),
             std::string("\xff\xfe"),
             std::string(100000, '['),
             std::string(R"({"version":1})"),
             std::string(R"({"version":"1","address":"10.0.0.5","services":[]})"),
             std::string(R"({"version":1,"address":"10.0.0.5","services":{}})"),
             std::string(R"({"version":1,"address":"10.0.0.5","services":null})"),
             std::string(R"({"version":1,"address":"here","services":[]})"),
             answer("{}"),
             answer("[]"),
             with(R"("tcp")", R"("icmp")"),
             with(R"("tcp")", "6"),
             with("10.0.0.2:80", "10.0.0.2"),
             with("10.0.0.2:80", "224.0.0.1:80"),
             with("10.0.0.2:80", "0.0.0.0:80"),
             with(R"("last_port":0)", R"("last_port":65536)"),
             with(R"("last_port":0)", R"("last_port":-1)"),
             with(R"("last_port":0)", R"("last_port":1.5)"),
             with(R"("last_port":0)", R"("last_port":true)"),
             with(R"("dr")", R"("local")"),
             with(R"("dr")", R"("tun")"),
             with(R"("dr")", R"("tun","tunnel":{"type":"vxlan","port":0,"checksum":"none"})"),
             with(R"("dr")", R"("tun","tunnel":{"type":"gue","port":0,"checksum":"none"})"),
             with(R"("dr")", R"("tun","tunnel":{"type":"ipip","port":80,"checksum":"none"})"),
             with(R"("dr")", R"("tun","tunnel":{"type":"ipip","port":0})"),
         }) {
        const auto told = parse_real_server(text);

        ASSERT_FALSE(told.has_value()) << text;
        EXPECT_EQ(told.error().fault, Fault::Invalid) << text;
    }
}

}  // namespace
}  // namespace isobar::api
