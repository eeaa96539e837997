// SPDX-License-Identifier: Apache-2.0
#include "api/connections.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace isobar::api {
namespace {

model::Endpoint endpoint(const char* text) {
    return model::Endpoint::parse(text).value();
}

model::ConnectionStatus connection(const char* client, const char* to = "10.0.0.2:80",
                                   const char* server = "10.1.1.1:80",
                                   const char* state = "ESTABLISHED") {
    return {model::Protocol::Tcp, std::chrono::seconds(90), state, endpoint(client),
            endpoint(to),         endpoint(server)};
}

// web: port 80; range: ports 8000 to 8009; rest: all others of the address.
model::Config config() {
    model::Config config;
    const auto add = [&](const char* name, const char* address, model::Port last = 0) {
        model::ServiceConfig& service = config.services.emplace_back();
        service.name = name;
        service.listen = {
            model::Listen(model::ServiceKey{model::Protocol::Tcp, endpoint(address)}, last)};
    };
    add("web", "10.0.0.2:80");
    add("range", "10.0.0.2:8000", 8009);
    add("rest", "10.0.0.2:0");
    return config;
}

ConnectionList listed(const Query& query, const std::vector<model::ConnectionStatus>& all) {
    auto report = ConnectionReport::make(ConnectionQuery::parse(query).value(), config()).value();
    for (const auto& each : all) report.add(each);
    return parse_connections(std::move(report).json()).value();
}

std::vector<std::string> clients(const ConnectionList& list) {
    std::vector<std::string> clients;
    for (const ConnectionRow& row : list.rows) clients.push_back(row.client);
    return clients;
}

using Texts = std::vector<std::string>;

TEST(Connections, EveryOneHasItsRow) {
    auto call = connection("10.9.0.1:0", "10.0.0.3:5060", "10.1.1.2:5060", "ASSURED");
    call.call_id = "a\"b\xff";
    const auto list = listed({}, {connection("10.9.0.1:1024"), call});

    EXPECT_EQ(list.total, 2U);
    ASSERT_EQ(list.rows.size(), 2U);
    const ConnectionRow& row = list.rows[0];
    EXPECT_EQ(
        (Texts{row.protocol, row.service, row.client, row.virtual_address, row.server, row.state}),
        (Texts{"tcp", "web", "10.9.0.1:1024", "10.0.0.2:80", "10.1.1.1:80", "ESTABLISHED"}));
    EXPECT_EQ(row.expires, 90U);
    EXPECT_EQ(list.rows[1].service, "") << "nobody has configured it";
}

TEST(Connections, ThoseThatAreAskedForAndNoOthers) {
    const std::vector all{connection("10.9.0.1:1"),
                          connection("10.9.0.2:2", "10.0.0.2:8004", "10.1.1.1:81"),
                          connection("10.9.1.3:3", "10.0.0.2:443", "10.1.1.2:80", "SYN_RECV"),
                          connection("[fd00::1]:4", "[fd00::2]:80", "[fd00::3]:80")};
    const auto of = [&](const Query& query) { return clients(listed(query, all)); };

    EXPECT_EQ(of({{"service", "web"}}), (Texts{"10.9.0.1:1"}));
    EXPECT_EQ(of({{"service", "range"}}), (Texts{"10.9.0.2:2"}));
    EXPECT_EQ(of({{"service", "rest"}}), (Texts{"10.9.1.3:3"}));
    EXPECT_EQ(of({{"server", "10.1.1.1"}}), (Texts{"10.9.0.1:1", "10.9.0.2:2"}));
    EXPECT_EQ(of({{"server", "10.1.1.1:81"}}), (Texts{"10.9.0.2:2"}));
    EXPECT_EQ(of({{"client", "10.9.0.0/24"}}), (Texts{"10.9.0.1:1", "10.9.0.2:2"}));
    EXPECT_EQ(of({{"client", "10.9.0.2"}}), (Texts{"10.9.0.2:2"}));
    EXPECT_EQ(of({{"client", "fd00::/16"}}), (Texts{"[fd00::1]:4"}));
    EXPECT_EQ(of({{"client", "fd00::1"}}), (Texts{"[fd00::1]:4"}));
    EXPECT_EQ(of({{"state", "syn_recv"}}), (Texts{"10.9.1.3:3"}));
    EXPECT_EQ(of({{"protocol", "udp"}}), Texts{});
    EXPECT_EQ(of({{"client", "10.9.0.0/16"}, {"server", "10.1.1.2"}}), (Texts{"10.9.1.3:3"}));
}

TEST(Connections, BeyondTheLimitTheyAreCountedOnly) {
    const auto list = listed({{"limit", "2"}}, {connection("10.9.0.1:1"), connection("10.9.0.1:2"),
                                                connection("10.9.0.1:3")});
    EXPECT_EQ(list.rows.size(), 2U);
    EXPECT_EQ(list.total, 3U);
}

TEST(Connections, WhoHasMostComesFirst) {
    const std::vector all{connection("10.9.0.1:1"),
                          connection("10.9.0.1:2"),
                          connection("10.9.0.9:1", "10.0.0.2:9"),
                          connection("10.9.0.9:2"),
                          connection("10.9.1.1:1", "10.0.0.2:80", "10.1.1.2:80"),
                          connection("10.9.1.1:0")};  // a template
    const auto of = [&](const Query& query) {
        Texts lines;
        const auto list = listed(query, all);
        EXPECT_EQ(list.total, 5U);
        for (const Talker& each : list.talkers)
            lines.push_back(fmt::format("{} {}", each.name, each.connections));
        return lines;
    };

    EXPECT_EQ(of({{"top", "client"}}), (Texts{"10.9.0.1 2", "10.9.0.9 2", "10.9.1.1 1"}));
    EXPECT_EQ(of({{"top", "client/24"}}), (Texts{"10.9.0.0/24 4", "10.9.1.0/24 1"}));
    EXPECT_EQ(of({{"top", "server"}, {"limit", "1"}}), (Texts{"10.1.1.1:80 4"}));
    EXPECT_EQ(of({{"top", "service"}}), (Texts{"web 4", "rest 1"}));
}

TEST(Connections, OfAnyNumberOfClientsThoseWithManyAreFoundInBoundedMemory) {
    auto report =
        ConnectionReport::make(ConnectionQuery::parse({{"top", "client"}}).value(), {}).value();
    auto one = connection("10.0.0.0:1");
    const int all = 300000, each = 100;
    for (int i = 0; i < all; ++i) {
        one.client.address =
            model::Address::v4(11, static_cast<std::uint8_t>(i >> 16),
                               static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
        report.add(one);
        if (i % (all / each) != 0) continue;
        one.client.address = model::Address::v4(10, 9, 0, 1);
        report.add(one);
    }

    const auto list = parse_connections(std::move(report).json()).value();
    EXPECT_EQ(list.total, static_cast<std::uint64_t>(all + each));
    EXPECT_EQ(list.talkers.at(0).name, "10.9.0.1");
    EXPECT_LE(list.talkers[0].connections, static_cast<std::uint64_t>(each));
    EXPECT_GE(list.talkers[0].connections + list.uncertain, static_cast<std::uint64_t>(each));
    EXPECT_LE(list.uncertain, static_cast<std::uint64_t>(all / 65536 + 1));
}

TEST(Connections, WhatCannotBeAskedForIsRefused) {
    const auto wrong = [](const Query& query) {
        return ConnectionQuery::parse(query).error().message;
    };
    EXPECT_EQ(wrong({{"client", "10.9.0.1/24"}}), "client: '10.9.0.1/24' is no address or network");
    EXPECT_EQ(wrong({{"server", "real1"}}), "'real1' is no address of a server");
    EXPECT_EQ(wrong({{"protocol", "TCP"}}), "protocol: 'TCP' is no protocol: tcp, udp, sctp");
    EXPECT_EQ(wrong({{"limit", "0"}}), "limit: '0' is no number from 1 to 100000");
    EXPECT_EQ(wrong({{"limit", "100001"}}), "limit: '100001' is no number from 1 to 100000");
    for (const char* top : {"", "clients", "client/0", "client/129", "client/x", "server/24"})
        EXPECT_FALSE(ConnectionQuery::parse({{"top", top}})) << top;
    EXPECT_EQ(wrong({{"colour", "red"}}), "unknown: 'colour'");
    const auto query = ConnectionQuery::parse({{"service", "wob"}}).value();
    EXPECT_EQ(ConnectionReport::make(query, config()).error().message, "there is no service 'wob'");
}

}  // namespace
}  // namespace isobar::api
