// SPDX-License-Identifier: Apache-2.0
#include "isobar/facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobar::cli {
namespace {

using control::Health;
using testing::ElementsAre;
using testing::HasSubstr;

model::Endpoint endpoint(const char* text) {
    return model::Endpoint::parse(text).value();
}

model::ServerStatus runs(const char* address, model::Weight weight, std::uint32_t active) {
    model::ServerStatus server;
    server.server = {endpoint(address), weight};
    server.active = active;
    server.rates.in_bytes = 100 - active;
    return server;
}

// web: one up, one drained, one out; and a service made by hand.
api::Status some_status() {
    api::Status status;
    api::ServiceView web;
    web.name = "web";
    web.status.key = {model::Protocol::Tcp, endpoint("10.0.0.2:80")};
    web.status.servers = {runs("192.168.10.100:80", 3, 7), runs("192.168.10.101:80", 0, 9)};
    web.standings = {
        {endpoint("192.168.10.100:80"), true, 3, 3, "up", Health::Up, false},
        {endpoint("192.168.10.101:80"), true, 0, 3, "drained by hand (anna)", Health::Up, true},
        {endpoint("192.168.10.102:80"),
         false,
         {},
         3,
         "down: connection refused",
         Health::Down,
         false}};
    api::ServiceView by_hand;
    by_hand.status.key = {model::Protocol::Udp, endpoint("[fd00::2]:53")};
    by_hand.status.servers = {runs("[fd00::3]:53", 1, 0)};
    status.services = {web, by_hand};
    return status;
}

TEST(Facts, OfEachServerALine) {
    EXPECT_EQ(servers_table(server_facts(some_status()), 100, Colours::Off),
              "SERVICE           SERVER             HOW  WEIGHT  ACTIVE  INACT  CONN/S  IN B/S  "
              "OUT B/S  STATE\n"
              "web               192.168.10.100:80  nat       3       7      0       0      93  "
              "      0  up\n"
              "web               192.168.10.101:80  nat     0/3       9      0       0      91  "
              "      0  drained b…\n"
              "web               192.168.10.102:80          -/3       0      0       0       0  "
              "      0  down: con…\n"
              "udp [fd00::2]:53  [fd00::3]:53       nat       1       0      0       0     100  "
              "      0  by hand\n");
}

TEST(Facts, OfEachServiceALine) {
    EXPECT_EQ(
        services_table(service_facts(some_status()), Colours::Off),
        "SERVICE  ADDRESS           HOW  STATE   UP  ACTIVE  INACT  CONN/S  IN B/S  OUT B/S\n"
        "web      tcp 10.0.0.2:80   wlc  ok     2/3      16      0       0       0        0\n"
        "-        udp [fd00::2]:53  wlc  ok     1/1       0      0       0       0        0\n");
}

TEST(Facts, StatesAreWordsOfTheirOwn) {
    auto status = some_status();
    auto& standings = status.services[0].standings;
    const auto states = [&] {
        std::vector<std::string> all;
        for (const auto& each : server_facts(status)) all.push_back(each.state);
        return all;
    };
    EXPECT_THAT(states(), ElementsAre("up", "up", "down", ""));

    standings[0].up = standings[1].up = false;
    standings[1].health = Health::Unknown;
    status.services[0].sorry = true;
    status.services[0].status.servers.push_back(runs("192.168.10.9:80", 1, 0));
    EXPECT_THAT(states(), ElementsAre("off", "unknown", "down", "sorry", ""));
    EXPECT_EQ(service_facts(status)[0].state, "sorry server");
}

TEST(Facts, AreSortedByWhatIsAskedFor) {
    auto servers = server_facts(some_status());
    sort(servers, SortBy::None);
    EXPECT_EQ(servers[0].address, "192.168.10.100:80");
    sort(servers, sort_named("active").value());
    EXPECT_EQ(servers[0].address, "192.168.10.101:80");
    sort(servers, SortBy::In);
    EXPECT_EQ(servers[0].address, "[fd00::3]:53");
    EXPECT_THAT(sort_named("activ").error().message, HasSubstr("did you mean 'active'?"));
}

TEST(Facts, AreJsonForPrograms) {
    EXPECT_THAT(servers_json(server_facts(some_status())),
                HasSubstr(R"({"service":"web","address":"192.168.10.102:80","forward":"",)"
                          R"("weight":null,"configured_weight":3,"state":"down",)"
                          R"("reason":"down: connection refused","overloaded":false,)"));
    EXPECT_THAT(services_json(service_facts(some_status())),
                HasSubstr(R"({"name":"web","address":"tcp 10.0.0.2:80","scheduler":"wlc",)"
                          R"("state":"ok","up":2,"servers":3,"active":16,)"));
}

}  // namespace
}  // namespace isobar::cli
