// SPDX-License-Identifier: Apache-2.0
#include "control/diff.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ostream>

namespace isobar::control {
namespace {

using model::Change;
using model::Scheduler;

model::Endpoint endpoint(const char* text) {
    return model::Endpoint::parse(text).value();
}

const model::ServiceKey kWeb{model::Protocol::Tcp, endpoint("10.0.0.2:80")};
const model::ServiceKey kTelnet{model::Protocol::Tcp, endpoint("10.0.0.2:23")};
const model::RealServer kOne{endpoint("192.168.10.100:80"), 1};
const model::RealServer kTwo{endpoint("192.168.10.101:80"), 1};
const model::RealServer kTwoHeavier{endpoint("192.168.10.101:80"), 5};
const model::RealServer kTwoLimited{
    .address = endpoint("192.168.10.101:80"), .upper_threshold = 100, .lower_threshold = 80};
const model::Persistence kMinute{std::chrono::seconds(60), 24};

model::ServiceStatus runs(const model::ServiceKey& key, Scheduler scheduler,
                          const std::vector<model::RealServer>& servers) {
    model::ServiceStatus service;
    service.key = key;
    service.scheduler = scheduler;
    for (const model::RealServer& server : servers) {
        model::ServerStatus status;
        status.server = server;
        service.servers.push_back(status);
    }
    return service;
}

struct Case {
    const char* name;
    std::vector<model::ServiceStatus> running;
    std::vector<model::VirtualService> wanted;
    Owned owned;
    std::vector<Change> changes;
};

void PrintTo(const Case& each, std::ostream* out) {
    *out << each.name;
}

const std::vector<Case> kCases{
    {"NothingWantedNothingRuns", {}, {}, {}, {}},
    {"NewServiceComesWithItsServers",
     {},
     {{kWeb, Scheduler::Wlc, {kOne, kTwo}}},
     {},
     {model::AddService{kWeb, Scheduler::Wlc}, model::AddServer{kWeb, kOne},
      model::AddServer{kWeb, kTwo}}},
    {"EqualIsNoChange",
     {runs(kWeb, Scheduler::Wlc, {kOne, kTwo})},
     {{kWeb, Scheduler::Wlc, {kOne, kTwo}}},
     {kWeb},
     {}},
    {"OrderOfServersAndServicesIsNoChange",
     {runs(kTelnet, Scheduler::Rr, {}), runs(kWeb, Scheduler::Wlc, {kTwo, kOne})},
     {{kWeb, Scheduler::Wlc, {kOne, kTwo}}, {kTelnet, Scheduler::Rr, {}}},
     {kWeb, kTelnet},
     {}},
    {"WeightAloneEditsTheServer",
     {runs(kWeb, Scheduler::Wlc, {kOne, kTwo})},
     {{kWeb, Scheduler::Wlc, {kOne, kTwoHeavier}}},
     {kWeb},
     {model::EditServer{kWeb, kTwoHeavier}}},
    {"SchedulerAloneEditsTheService",
     {runs(kWeb, Scheduler::Wlc, {kOne})},
     {{kWeb, Scheduler::Rr, {kOne}}},
     {kWeb},
     {model::EditService{kWeb, Scheduler::Rr}}},
    {"PersistenceAloneEditsTheService",
     {runs(kWeb, Scheduler::Wlc, {kOne})},
     {{.key = kWeb, .servers = {kOne}, .persistence = kMinute}},
     {kWeb},
     {model::EditService{.key = kWeb, .persistence = kMinute}}},
    {"PersistenceComesWithANewService",
     {},
     {{.key = kWeb, .servers = {}, .persistence = kMinute}},
     {},
     {model::AddService{.key = kWeb, .persistence = kMinute}}},
    {"ThresholdsAloneEditTheServer",
     {runs(kWeb, Scheduler::Wlc, {kOne, kTwo})},
     {{kWeb, Scheduler::Wlc, {kOne, kTwoLimited}}},
     {kWeb},
     {model::EditServer{kWeb, kTwoLimited}}},
    {"ServerIsReplacedRemovalFirst",
     {runs(kWeb, Scheduler::Wlc, {kOne})},
     {{kWeb, Scheduler::Wlc, {kTwo}}},
     {kWeb},
     {model::RemoveServer{kWeb, kOne.address}, model::AddServer{kWeb, kTwo}}},
    {"OwnedServiceThatLeavesTheConfigurationGoes",
     {runs(kTelnet, Scheduler::Rr, {kOne}), runs(kWeb, Scheduler::Wlc, {kOne})},
     {{kWeb, Scheduler::Wlc, {kOne}}},
     {kWeb, kTelnet},
     {model::RemoveService{kTelnet}}},
    {"ServiceMadeByHandStays",
     {runs(kTelnet, Scheduler::Rr, {kOne}), runs(kWeb, Scheduler::Wlc, {kOne})},
     {{kWeb, Scheduler::Wlc, {kOne}}},
     {kWeb},
     {}},
    {"ServiceMadeByHandThatTheConfigurationNamesIsMadeEqual",
     {runs(kWeb, Scheduler::Rr, {kTwo})},
     {{kWeb, Scheduler::Wlc, {kTwo}}},
     {},
     {model::EditService{kWeb, Scheduler::Wlc}}},
    {"OwnedServiceThatWasRemovedByHandIsNotRemovedAgain", {}, {}, {kWeb}, {}},
    {"RemovalsComeBeforeAdditions",
     {runs(kTelnet, Scheduler::Rr, {})},
     {{kWeb, Scheduler::Wlc, {}}},
     {kTelnet},
     {model::RemoveService{kTelnet}, model::AddService{kWeb, Scheduler::Wlc}}},
    {"FlagsAloneEditTheService",
     {runs(kWeb, Scheduler::Sh, {kOne})},
     {{kWeb, Scheduler::Sh, {kOne}, {2}}},
     {},
     {model::EditService{kWeb, Scheduler::Sh, {2}}}},
    {"ANewServiceHasItsFlags",
     {},
     {{kWeb, Scheduler::Mh, {}, {1}}},
     {},
     {model::AddService{kWeb, Scheduler::Mh, {1}}}},
    {"SameAddressOfAnotherProtocolIsAnotherService",
     {runs({model::Protocol::Udp, kWeb.address}, Scheduler::Wlc, {})},
     {{kWeb, Scheduler::Wlc, {}}},
     {},
     {model::AddService{kWeb, Scheduler::Wlc}}},
};

class DiffCase : public testing::TestWithParam<Case> {};

TEST_P(DiffCase, GivesTheFewestChanges) {
    const Case& each = GetParam();
    model::Forwarding wanted;
    wanted.services = each.wanted;

    EXPECT_EQ(diff(each.running, wanted, each.owned), each.changes);
}

INSTANTIATE_TEST_SUITE_P(Table, DiffCase, testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(Describe, SaysEveryChangeInOneLine) {
    const std::vector<model::ServiceStatus> before{runs(kWeb, Scheduler::Wlc, {kTwo})};

    EXPECT_EQ(describe(model::AddService{kWeb, Scheduler::Rr}, before),
              "TCP 10.0.0.2:80: added, scheduler rr");
    EXPECT_EQ(describe(model::EditService{kWeb, Scheduler::Lc}, before),
              "TCP 10.0.0.2:80: scheduler lc");
    EXPECT_EQ(describe(model::EditService{kWeb, Scheduler::Sh, {3}}, before),
              "TCP 10.0.0.2:80: scheduler sh (sh-fallback,sh-port)");
    EXPECT_EQ(describe(model::RemoveService{kWeb}, before), "TCP 10.0.0.2:80: removed");
    EXPECT_EQ(describe(model::AddServer{kWeb, kOne}, before),
              "TCP 10.0.0.2:80: server 192.168.10.100:80 added, nat, weight 1");
    EXPECT_EQ(describe(model::EditServer{kWeb, kTwoHeavier}, before),
              "TCP 10.0.0.2:80: server 192.168.10.101:80 weight 1 -> 5");
    EXPECT_EQ(describe(model::EditServer{kWeb, kTwoLimited}, before),
              "TCP 10.0.0.2:80: server 192.168.10.101:80 weight 1, thresholds 100 and 80");
    EXPECT_EQ(describe(model::EditService{.key = kWeb, .persistence = kMinute}, before),
              "TCP 10.0.0.2:80: scheduler wlc, persistent 60 s, prefix 24");
    EXPECT_EQ(describe(model::RemoveServer{kWeb, kTwo.address}, before),
              "TCP 10.0.0.2:80: server 192.168.10.101:80 removed");
}

}  // namespace
}  // namespace isobar::control
