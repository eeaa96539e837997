// SPDX-License-Identifier: Apache-2.0
#include "control/effects.h"

#include <gtest/gtest.h>

#include <ostream>

namespace isobar::control {

std::ostream& operator<<(std::ostream& out, const Effect& effect) {
    return out << effect.change << ": " << effect.ends << " end, " << effect.goes_on << " go on";
}

namespace {

model::Endpoint endpoint(const char* text) {
    return model::Endpoint::parse(text).value();
}

const model::ServiceKey kWeb{model::Protocol::Tcp, endpoint("10.0.0.2:80")};

model::RealServer server(const char* address, model::Weight weight) {
    return {.address = endpoint(address), .weight = weight};
}

// One with 3 active and 2 inactive connections, and one with 10.
std::vector<model::ServiceStatus> running() {
    model::ServiceStatus web;
    web.key = kWeb;
    web.servers.resize(2);
    web.servers[0].server = server("10.1.1.1:80", 1);
    web.servers[0].active = 3;
    web.servers[0].inactive = 2;
    web.servers[1].server = server("10.1.1.2:80", 0);
    web.servers[1].active = 10;
    return {web};
}

TEST(Effects, ARemovedServersConnectionsEnd) {
    EXPECT_EQ(effects({model::RemoveServer{kWeb, endpoint("10.1.1.1:80")}}, running()),
              (std::vector<Effect>{{"TCP 10.0.0.2:80: server 10.1.1.1:80 removed", 5, 0}}));
}

TEST(Effects, ARemovedServicesConnectionsEnd) {
    EXPECT_EQ(effects({model::RemoveService{kWeb}}, running()),
              (std::vector<Effect>{{"TCP 10.0.0.2:80: removed", 15, 0}}));
}

TEST(Effects, AQuiescedServersConnectionsGoOn) {
    const auto found = effects({model::EditServer{kWeb, server("10.1.1.1:80", 0)},
                                model::EditServer{kWeb, server("10.1.1.2:80", 0)}},
                               running());

    EXPECT_EQ(found[0].goes_on, 5U);
    EXPECT_EQ(found[1].goes_on, 0U) << "it was quiesced before";
    EXPECT_EQ(found[0].ends + found[1].ends, 0U);
}

TEST(Effects, WhatIsNewOrOnlyDifferentEndsNothing) {
    const auto found =
        effects({model::EditService{.key = kWeb}, model::EditServer{kWeb, server("10.1.1.1:80", 7)},
                 model::AddServer{kWeb, server("10.1.1.3:80", 1)}},
                running());

    for (const Effect& each : found) EXPECT_EQ(each.ends + each.goes_on, 0U) << each;
}

}  // namespace
}  // namespace isobar::control
