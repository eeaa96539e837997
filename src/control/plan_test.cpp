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

model::Config one_service(std::vector<ServiceKey> listen, std::vector<model::RealServer> servers) {
    model::Config config;
    model::ServiceConfig service;
    service.name = "web";
    service.listen = std::move(listen);
    service.scheduler = model::Scheduler::Rr;
    service.servers = std::move(servers);
    config.services.push_back(std::move(service));
    return config;
}

TEST(Plan, EmptyConfigurationWantsNoServicesAndTheDefaultTimeouts) {
    const model::Forwarding wanted = plan(model::Config{});

    EXPECT_TRUE(wanted.services.empty());
    EXPECT_EQ(wanted.timeouts, model::Timeouts{});
}

TEST(Plan, EveryListenAddressIsAServiceWithAllServers) {
    const ServiceKey http{model::Protocol::Tcp, endpoint("10.0.0.2:80")};
    const ServiceKey dns{model::Protocol::Udp, endpoint("10.0.0.2:53")};
    const model::RealServer one{endpoint("192.168.10.100:8080"), 3};
    const model::RealServer two{endpoint("192.168.10.101:8080"), 0};

    const model::Forwarding wanted = plan(one_service({http, dns}, {one, two}));

    ASSERT_EQ(wanted.services.size(), 2U);
    EXPECT_EQ(wanted.services[0], (model::VirtualService{http, model::Scheduler::Rr, {one, two}}));
    EXPECT_EQ(wanted.services[1], (model::VirtualService{dns, model::Scheduler::Rr, {one, two}}));
}

TEST(Plan, ServerWithoutPortGetsThatOfEachListenAddress) {
    const ServiceKey http{model::Protocol::Tcp, endpoint("10.0.0.2:80")};
    const ServiceKey https{model::Protocol::Tcp, endpoint("10.0.0.2:443")};

    const model::Forwarding wanted =
        plan(one_service({http, https}, {{endpoint("192.168.10.100:0"), 1}}));

    ASSERT_EQ(wanted.services.size(), 2U);
    EXPECT_EQ(wanted.services[0].servers.at(0).address, endpoint("192.168.10.100:80"));
    EXPECT_EQ(wanted.services[1].servers.at(0).address, endpoint("192.168.10.100:443"));
}

TEST(Plan, TimeoutsAreTheDirectors) {
    model::Config config;
    config.director.timeouts.udp = std::chrono::seconds(30);

    EXPECT_EQ(plan(config).timeouts.value().udp, std::chrono::seconds(30));
}

}  // namespace
}  // namespace isobar::control
