// SPDX-License-Identifier: Apache-2.0
#include "api/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobar::api {
namespace {

using std::chrono::sys_seconds;

model::Endpoint endpoint(const char* text) {
    return model::Endpoint::parse(text).value();
}

const model::ServiceKey kWeb{model::Protocol::Tcp, endpoint("10.0.0.2:80")};
const model::ServiceKey kDns{model::Protocol::Udp, endpoint("[fd00::2]:53")};

model::ServiceStatus runs(const model::ServiceKey& key) {
    model::ServiceStatus service;
    service.key = key;
    return service;
}

Status full_status() {
    Status status;
    status.program = "isobard 0.1.0";
    status.config = {
        "/etc/isobar/isobar.toml", sys_seconds(std::chrono::seconds(1763831052)), {}, 7};
    ServiceView web{"web", runs(kWeb)};
    web.status.traffic = {10, 20, 30, 40, 50};
    web.status.rates = {1, 2, 3, 4, 5};
    web.status.scheduler = model::Scheduler::Sh;
    web.status.scheduler_flags = {2};
    model::ServerStatus server;
    server.server = {endpoint("192.168.10.100:80"), 3};
    server.active = 7;
    server.inactive = 8;
    server.persistent = 2;
    server.overloaded = true;
    server.server.upper_threshold = 15;
    server.server.lower_threshold = 10;
    web.status.persistence = model::Persistence{std::chrono::seconds(300), 24};
    web.status.engine = model::PersistenceEngine::Sip;
    server.traffic.out_bytes = 18446744073709551615U;
    web.status.servers.push_back(server);
    web.status.local = {{endpoint("192.168.10.200:1").address, endpoint("[fd01::9]:1").address},
                        2000,
                        3000,
                        model::ClientAddress::Toa};
    web.quorum = false;
    web.sorry = true;
    web.standings = {{endpoint("192.168.10.101:80"), false, std::nullopt, 5,
                      "down: connection refused", control::Health::Down, true}};
    status.services = {web, {"", runs(kDns)}};
    status.connections_used = 15;
    status.connections_room = 65536;
    status.connections_size = 131072;
    status.verdicts = {{"forwarded", 99}, {"no_server", 0}};
    status.events = {{"by_hash", 7}};
    status.interfaces = {{"eth0", true, false}, {"eth1", true, true}};
    return status;
}

// Programs of others read this: a field that moves here breaks them.
TEST(StatusJson, IsWhatTheDocumentationSays) {
    EXPECT_EQ(
        status_json(full_status()),
        R"({"version":1,"program":"isobard 0.1.0",)"
        R"("config":{"file":"/etc/isobar/isobar.toml","applied_at":"2025-11-22T17:04:12Z","errors":[],)"
        R"("version":7,"goes_back_at":null},)"
        R"("services":[{"name":"web","mark":0,"protocol":"tcp","address":"10.0.0.2:80","scheduler":"sh",)"
        R"("scheduler_flags":["sh-port"],"persistence":{"timeout":300,"mask":24},"engine":"sip","one_packet":false,)"
        R"("local":{"addresses":["192.168.10.200","fd01::9"],"first_port":2000,"last_port":3000,)"
        R"("client_address":"toa"},)"
        R"("traffic":{"connections":10,"in_packets":20,"out_packets":30,"in_bytes":40,"out_bytes":50},)"
        R"("rates":{"connections":1,"in_packets":2,"out_packets":3,"in_bytes":4,"out_bytes":5},)"
        R"("servers":[{"address":"192.168.10.100:80","weight":3,"forward":"nat","active":7,"inactive":8,)"
        R"("persistent":2,"upper_threshold":15,"lower_threshold":10,"overloaded":true,)"
        R"("traffic":{"connections":0,"in_packets":0,"out_packets":0,"in_bytes":0,"out_bytes":18446744073709551615},)"
        R"("rates":{"connections":0,"in_packets":0,"out_packets":0,"in_bytes":0,"out_bytes":0}}],)"
        R"("quorum":false,"sorry":true,"configured":[{"address":"192.168.10.101:80","up":false,)"
        R"("weight":null,"configured_weight":5,"weight_scale":1,"health":"down","by_hand":true,"reason":"down: connection refused"}]},)"
        R"({"name":"","mark":0,"protocol":"udp","address":"[fd00::2]:53","scheduler":"wlc","scheduler_flags":[],)"
        R"("persistence":null,"engine":"none","one_packet":false,"local":null,)"
        R"("traffic":{"connections":0,"in_packets":0,"out_packets":0,"in_bytes":0,"out_bytes":0},)"
        R"("rates":{"connections":0,"in_packets":0,"out_packets":0,"in_bytes":0,"out_bytes":0},)"
        R"("servers":[],"quorum":true,"sorry":false,"configured":[]}],)"
        R"("connections":{"used":15,"room":65536,"size":131072},"timeouts":{"tcp":900,"tcp_fin":120,"udp":300},)"
        R"("verdicts":{"forwarded":99,"no_server":0},"events":{"by_hash":7},)"
        R"("interfaces":[{"name":"eth0","tc":true,"xdp":false},{"name":"eth1","tc":true,"xdp":true}]})");
}

TEST(StatusJson, IsReadBackWhole) {
    const std::string json = status_json(full_status());

    const auto status = parse_status(json);

    ASSERT_TRUE(status.has_value()) << status.error().message;
    EXPECT_EQ(status_json(*status), json);
}

TEST(StatusJson, HowAServerIsReachedIsReadBack) {
    using enum model::ForwardingMethod;
    for (const auto method : {Nat, Dr, Tun, FullNat}) {
        Status status;
        status.services = {{"", runs(kDns)}};
        status.services[0].status.servers.resize(1);
        status.services[0].status.servers[0].server.address = endpoint("192.168.10.100:53");
        status.services[0].status.servers[0].server.method = method;
        const auto read = parse_status(status_json(status)).value();
        EXPECT_EQ(read.services[0].status.servers[0].server.method, method);
    }
}

TEST(StatusJson, AServiceByMarkIsReadBack) {
    Status status;
    status.services = {{"all", {}}};
    status.services[0].status.key = model::ServiceKey::by_mark(5);

    const auto back = parse_status(status_json(status));

    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(back->services.at(0).status.key, model::ServiceKey::by_mark(5));
}

TEST(StatusJson, BytesThatAreNoUtf8DoNotBreakIt) {
    Status status = full_status();
    status.config.errors = {"isobar.toml:1:1: error: \xff\xfe\x01 \"quoted\"\n  line two"};

    const auto read = parse_status(status_json(status));

    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->config.errors.at(0),
              "isobar.toml:1:1: error: \xef\xbf\xbd\xef\xbf\xbd\x01 \"quoted\"\n  line two");
}

TEST(ParseStatus, RefusesAnotherVersion) {
    EXPECT_EQ(parse_status(R"({"version":2})").error().fault, Fault::Unsupported);
}

TEST(ParseStatus, RefusesWhatIsNoStatus) {
    std::string wrong_address = status_json(full_status());
    wrong_address.replace(wrong_address.find("10.0.0.2:80"), 11, "10.0.0.2:xx");
    for (const std::string& text :
         {std::string(), std::string("null"), std::string("[]"), std::string("{}"),
          std::string(R"({"version":1})"), std::string(R"({"version":"1"})"), std::string("\xff"),
          wrong_address}) {
        const auto status = parse_status(text);

        ASSERT_FALSE(status.has_value()) << text;
        EXPECT_EQ(status.error().fault, Fault::Invalid) << text;
    }
}

TEST(NamedServices, StandInTheOrderOfTheConfigurationThenThoseMadeByHand) {
    const model::ServiceKey by_hand{model::Protocol::Tcp, endpoint("10.0.0.9:1")};
    const model::ServiceKey by_hand_too{model::Protocol::Tcp, endpoint("10.0.0.9:2")};
    model::Config config;
    config.services.resize(2);
    config.services[0].name = "names";
    config.services[0].listen = {kDns};
    config.services[1].name = "web";
    config.services[1].listen = {kWeb};

    const auto views =
        named_services({runs(by_hand_too), runs(kWeb), runs(kDns), runs(by_hand)}, config);

    ASSERT_EQ(views.size(), 4U);
    EXPECT_EQ(views[0].name, "names");
    EXPECT_EQ(views[1].name, "web");
    EXPECT_EQ(views[2].name, "");
    EXPECT_EQ(views[2].status.key, by_hand);
    EXPECT_EQ(views[3].status.key, by_hand_too);
}

TEST(NamedServices, ServersStandOldestFirst) {
    model::ServiceStatus web = runs(kWeb);
    web.servers.resize(2);
    web.servers[0].server.address = endpoint("192.168.10.101:80");
    web.servers[1].server.address = endpoint("192.168.10.100:80");

    const auto views = named_services({web}, {});

    EXPECT_EQ(views.at(0).status.servers.at(0).server.address, endpoint("192.168.10.100:80"));
}

TEST(Standings, SortTheServersAsTheyAreConfigured) {
    ServiceView web{"web", runs(kWeb)};
    for (const char* address : {"10.1.1.9:80", "10.1.1.2:80", "10.1.1.1:80"})
        web.status.servers.emplace_back().server = {endpoint(address), 1};
    control::ServicePlan plan;
    plan.name = "web";
    plan.quorum = false;
    for (const char* address : {"10.1.1.1:0", "10.1.1.2:80", "10.1.1.3:80"}) {
        auto& server = plan.servers.emplace_back();
        server.server.address = endpoint(address);
        server.reason = "up";
    }
    std::vector<ServiceView> services{web};

    add_standings(services, {plan});

    std::vector<std::string> order;
    for (const auto& server : services[0].status.servers)
        order.push_back(server.server.address.text());
    EXPECT_EQ(order, (std::vector<std::string>{"10.1.1.1:80", "10.1.1.2:80", "10.1.1.9:80"}));
    ASSERT_EQ(services[0].standings.size(), 3U);
    EXPECT_EQ(services[0].standings[0].address.text(), "10.1.1.1:80") << "the service's port";
    EXPECT_FALSE(services[0].quorum);
}

}  // namespace
}  // namespace isobar::api
