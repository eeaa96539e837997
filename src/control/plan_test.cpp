// SPDX-License-Identifier: Apache-2.0
#include "control/plan.h"

#include <gtest/gtest.h>

namespace isobar::control {
namespace {

using model::Endpoint;
using model::ServiceKey;

Endpoint endpoint(const char* text) {
    return Endpoint::parse(text).value();
}

model::Config one_service(std::vector<model::Listen> listen,
                          std::vector<model::RealServer> servers) {
    model::Config config;
    model::ServiceConfig service;
    service.name = "web";
    service.listen = std::move(listen);
    service.scheduler = model::Scheduler::Rr;
    service.servers.assign(servers.begin(), servers.end());
    config.services.push_back(std::move(service));
    return config;
}

TEST(Plan, EmptyConfigurationWantsNoServicesAndTheDefaultTimeouts) {
    const model::Forwarding wanted = plan(model::Config{});

    EXPECT_TRUE(wanted.services.empty());
    EXPECT_EQ(wanted.timeouts, model::Timeouts{});
}

TEST(Plan, AListenAddressIsAServiceAndItsPortThatOfServersWithout) {
    const ServiceKey http{model::Protocol::Tcp, endpoint("10.0.0.2:80")};
    const model::RealServer one{endpoint("192.168.10.100:8080"), 3};
    const model::RealServer two{endpoint("192.168.10.101:0"), 0};

    const model::Forwarding wanted = plan(one_service({http}, {one, two}));

    ASSERT_EQ(wanted.services.size(), 1U);
    EXPECT_EQ(wanted.services[0],
              (model::VirtualService{
                  http, model::Scheduler::Rr, {one, {endpoint("192.168.10.101:80"), 0}}}));
    EXPECT_TRUE(wanted.groups.empty());
}

TEST(Plan, SeveralListenAddressesAreOneServiceByAMarkOfItsOwn) {
    const ServiceKey http{model::Protocol::Tcp, endpoint("10.0.0.2:80")};
    const ServiceKey all{model::Protocol::Udp, endpoint("10.0.0.3:0")};
    const model::RealServer server{endpoint("192.168.10.100:0"), 1};

    const model::Forwarding wanted = plan(one_service({http, all}, {server}));

    ASSERT_EQ(wanted.services.size(), 1U);
    const ServiceKey key = wanted.services[0].key;
    EXPECT_GE(key.mark, model::kFirstGroupMark);
    EXPECT_EQ(wanted.services[0], (model::VirtualService{key, model::Scheduler::Rr, {server}}));
    const model::Network everybody{{model::Family::V4, {}}, 0};
    EXPECT_EQ(wanted.groups,
              (std::vector<model::MarkRule>{
                  {model::Protocol::Tcp, everybody, {http.address.address, 32}, 80, 80, key.mark},
                  {model::Protocol::Udp, everybody, {all.address.address, 32}, 0, 65535, key.mark},
              }));
}

TEST(Plan, AGroupIsOfTheFamilyOfItsAddresses) {
    const ServiceKey http{model::Protocol::Tcp, endpoint("[fd00::2]:80")};
    const ServiceKey https{model::Protocol::Tcp, endpoint("[fd00::2]:443")};

    const model::Forwarding wanted = plan(one_service({http, https}, {}));

    const ServiceKey key = wanted.services.at(0).key;
    EXPECT_EQ(key, ServiceKey::by_mark(key.mark, model::Family::V6));
    const model::Network everybody{{model::Family::V6, {}}, 0};
    EXPECT_EQ(
        wanted.groups.at(1),
        (model::MarkRule{
            model::Protocol::Tcp, everybody, {http.address.address, 128}, 443, 443, key.mark}));
}

TEST(Plan, ARangeOfPortsIsOneRule) {
    const ServiceKey first{model::Protocol::Udp, endpoint("10.0.0.2:8000")};

    const model::Forwarding wanted =
        plan(one_service({model::Listen(first, 8010)}, {{endpoint("192.168.10.100:0"), 1}}));

    EXPECT_EQ(wanted.services.at(0).servers.at(0).address.port, 0) << "that of the packet";
    EXPECT_EQ(wanted.groups.at(0).first_port, 8000);
    EXPECT_EQ(wanted.groups.at(0).last_port, 8010);
}

TEST(Plan, AServiceByMarkIsThat) {
    auto config = one_service({}, {});
    config.services[0].mark = 5;

    EXPECT_EQ(plan(config).services.at(0).key, ServiceKey::by_mark(5));
}

TEST(Plan, TimeoutsAreTheDirectors) {
    model::Config config;
    config.director.timeouts.udp = std::chrono::seconds(30);

    EXPECT_EQ(plan(config).timeouts.value().udp, std::chrono::seconds(30));
}

}  // namespace
}  // namespace isobar::control
