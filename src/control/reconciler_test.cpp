// SPDX-License-Identifier: Apache-2.0
#include "control/reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <variant>

#include "base/temporary_folder.h"

namespace isobar::control {
namespace {

using model::Scheduler;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const model::ServiceKey kWeb{model::Protocol::Tcp, model::Endpoint::parse("10.0.0.2:80").value()};
const model::ServiceKey kTelnet{model::Protocol::Tcp,
                                model::Endpoint::parse("10.0.0.2:23").value()};
constexpr const char* kScope = "here";

// Holds services and servers; as much as these tests need.
class FakePlane final : public ForwardingPlane {
public:
    Result<std::vector<model::ServiceStatus>> services() override { return running; }
    Result<void> apply(std::span<const model::Change> changes) override {
        if (refuse) return failure(Fault::Full, "no room");
        for (const model::Change& change : changes) step(change);
        ++applied;
        return {};
    }
    model::Timeouts timeouts() override { return set; }
    Result<void> set_timeouts(const model::Timeouts& wanted) override {
        set = wanted;
        ++timeouts_set;
        return {};
    }

    model::Switches switches() override { return switched; }
    Result<void> set_switches(const model::Switches& wanted) override {
        switched = wanted;
        return {};
    }

    model::LocalityExpiry locality() override { return remembered; }
    Result<void> set_locality(const model::LocalityExpiry& wanted) override {
        remembered = wanted;
        return {};
    }

    std::vector<model::Port> ftp_ports() override { return ports; }
    Result<void> set_ftp_ports(std::span<const model::Port> wanted) override {
        ports.assign(wanted.begin(), wanted.end());
        return {};
    }

    std::vector<model::MarkRule> groups() override { return rules; }
    Result<void> set_groups(std::span<const model::MarkRule> wanted) override {
        rules.assign(wanted.begin(), wanted.end());
        return {};
    }

    void by_hand(const model::ServiceKey& key) { step(model::AddService{key}); }
    void by_hand(const model::Change& change) { step(change); }

    std::vector<model::ServiceStatus> running;
    model::Timeouts set;
    model::Switches switched;
    model::LocalityExpiry remembered;
    std::vector<model::MarkRule> rules;
    std::vector<model::Port> ports{model::kFtpPort};
    bool refuse = false;
    int applied = 0;
    int timeouts_set = 0;

private:
    std::vector<model::ServerStatus>& servers_of(const model::ServiceKey& key) {
        return std::ranges::find(running, key, &model::ServiceStatus::key)->servers;
    }
    void step(const model::Change& change) {
        if (const auto* add = std::get_if<model::AddService>(&change)) {
            model::ServiceStatus service;
            service.key = add->key;
            service.scheduler = add->scheduler;
            running.push_back(service);
        } else if (const auto* gone = std::get_if<model::RemoveService>(&change)) {
            std::erase_if(running, [&](const auto& each) { return each.key == gone->key; });
        } else if (const auto* server = std::get_if<model::AddServer>(&change)) {
            servers_of(server->service).emplace_back().server = server->server;
        } else if (const auto* edit = std::get_if<model::EditServer>(&change)) {
            for (model::ServerStatus& each : servers_of(edit->service))
                if (each.server.address == edit->server.address) each.server = edit->server;
        } else if (const auto* away = std::get_if<model::RemoveServer>(&change)) {
            std::erase_if(servers_of(away->service),
                          [&](const auto& each) { return each.server.address == away->server; });
        }
    }
};

model::Forwarding wanting(const std::vector<model::ServiceKey>& keys) {
    model::Forwarding wanted;
    for (const model::ServiceKey& key : keys) {
        wanted.services.push_back({key, Scheduler::Wlc, {}});
    }
    wanted.timeouts = model::Timeouts{};
    return wanted;
}

class ReconcilerTest : public testing::Test {
protected:
    [[nodiscard]] OwnedFile file() const { return {folder / "state", kScope}; }
    // A new run of isobard: nothing is known but what the file says.
    Reconciled first_run(const model::Forwarding& wanted) {
        return Reconciler(file()).reconcile(plane, wanted).value();
    }

    FakePlane plane;
    TemporaryFolder temporary;
    std::filesystem::path folder = temporary.path();
};

TEST_F(ReconcilerTest, BringsServicesAndSaysSo) {
    const Reconciled done = first_run(wanting({kWeb}));

    EXPECT_THAT(done.changes, ElementsAre("TCP 10.0.0.2:80: added, scheduler wlc"));
    EXPECT_THAT(done.warnings, IsEmpty());
    EXPECT_EQ(file().load().value(), Owned{kWeb});
}

TEST_F(ReconcilerTest, SecondTimeTouchesNothing) {
    (void)first_run(wanting({kWeb}));

    const Reconciled again = first_run(wanting({kWeb}));

    EXPECT_THAT(again.changes, IsEmpty());
    EXPECT_EQ(plane.applied, 1);
    EXPECT_EQ(plane.timeouts_set, 0);
}

TEST_F(ReconcilerTest, AfterARestartItRemovesWhatTheLastConfigurationBrought) {
    (void)first_run(wanting({kWeb, kTelnet}));

    const Reconciled done = first_run(wanting({kWeb}));

    EXPECT_THAT(done.changes, ElementsAre("TCP 10.0.0.2:23: removed"));
    EXPECT_EQ(file().load().value(), Owned{kWeb});
}

TEST_F(ReconcilerTest, WhatWasMadeByHandStaysAndIsNeverOwned) {
    (void)first_run(wanting({kWeb}));
    plane.by_hand(kTelnet);

    EXPECT_THAT(first_run(wanting({kWeb})).changes, IsEmpty());
    EXPECT_THAT(first_run(wanting({})).changes, ElementsAre("TCP 10.0.0.2:80: removed"));
    EXPECT_EQ(plane.running.size(), 1U);
}

TEST_F(ReconcilerTest, WithoutARecordOldServicesStayWithAWarning) {
    plane.by_hand(kTelnet);

    const Reconciled done = first_run(wanting({kWeb}));

    EXPECT_THAT(done.warnings, ElementsAre(HasSubstr("1 running service(s)")));
    EXPECT_EQ(plane.running.size(), 2U);
}

TEST_F(ReconcilerTest, CorruptRecordOnlyWarnsAndIsWrittenAnew) {
    (void)first_run(wanting({kWeb, kTelnet}));
    std::ofstream(file().path()) << "isobar serv";

    const Reconciled done = first_run(wanting({kWeb}));

    EXPECT_THAT(done.changes, IsEmpty());
    EXPECT_THAT(done.warnings, ElementsAre(HasSubstr("no record")));
    EXPECT_EQ(file().load().value(), Owned{kWeb});
}

TEST_F(ReconcilerTest, RefusedChangeLeavesTheRecordAsItWas) {
    (void)first_run(wanting({kWeb}));
    plane.refuse = true;

    const auto done = Reconciler(file()).reconcile(plane, wanting({kTelnet}));

    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().fault, Fault::Full);
    EXPECT_EQ(file().load().value(), Owned{kWeb});
}

TEST_F(ReconcilerTest, RefusedChangeLeavesTimeoutsSwitchesAndGroupsAsTheyWere) {
    (void)first_run(wanting({kWeb}));
    plane.refuse = true;
    auto wanted = wanting({kTelnet});
    wanted.timeouts->tcp = std::chrono::seconds(60);
    wanted.switches = model::Switches{.sloppy_tcp = 1};
    wanted.groups.push_back({});

    EXPECT_FALSE(Reconciler(file()).reconcile(plane, wanted).has_value());

    EXPECT_EQ(plane.set, model::Timeouts{});
    EXPECT_EQ(plane.switched, model::Switches{});
    EXPECT_THAT(plane.rules, IsEmpty());
}

// The record names both what goes and what comes while the change is under way.
TEST_F(ReconcilerTest, KilledInTheMiddleOfAChangeTheNextRunStillKnowsTheOldServices) {
    ASSERT_TRUE(file().store({kWeb, kTelnet}).has_value());
    plane.by_hand(kTelnet);

    EXPECT_THAT(first_run(wanting({kWeb})).changes,
                ElementsAre("TCP 10.0.0.2:23: removed", "TCP 10.0.0.2:80: added, scheduler wlc"));
}

TEST_F(ReconcilerTest, RecordThatCannotBeWrittenWarnsAndTheServicesRun) {
    std::ofstream(folder / "state") << "a file where the folder should be";

    const Reconciled done = first_run(wanting({kWeb}));

    EXPECT_EQ(plane.running.size(), 1U);
    EXPECT_FALSE(done.warnings.empty());
}

TEST_F(ReconcilerTest, SetsTimeoutsOnlyWhereTheyDiffer) {
    model::Forwarding wanted = wanting({});
    wanted.timeouts->tcp = std::chrono::seconds(60);

    const Reconciled done = first_run(wanted);

    EXPECT_THAT(done.changes, ElementsAre("timeouts: tcp 60 s, tcp_fin 120 s, udp 300 s"));
    EXPECT_THAT(first_run(wanted).changes, IsEmpty());
}

TEST_F(ReconcilerTest, SetsSwitchesOnlyWhereTheyDiffer) {
    model::Forwarding wanted = wanting({});
    wanted.switches = model::Switches{.expire_quiescent_template = 1, .drop_entry = 3};

    const Reconciled done = first_run(wanted);

    EXPECT_THAT(done.changes, ElementsAre("expire_quiescent_template 1, drop_entry 3"));
    EXPECT_EQ(plane.switched.drop_entry, 3);
    EXPECT_THAT(first_run(wanted).changes, IsEmpty());
}

TEST_F(ReconcilerTest, SetsWhenDestinationsAreForgottenOnlyWhereItDiffers) {
    model::Forwarding wanted = wanting({});
    wanted.locality = {.lblc_expiration = std::chrono::hours(2)};

    const Reconciled done = first_run(wanted);

    EXPECT_THAT(done.changes, ElementsAre("lblc_expiration 7200 s, lblcr_expiration 86400 s"));
    EXPECT_EQ(plane.remembered.lblc_expiration, std::chrono::hours(2));
    EXPECT_THAT(first_run(wanted).changes, IsEmpty());
}

TEST_F(ReconcilerTest, SetsTheFtpPortsOnlyWhereTheyDiffer) {
    model::Forwarding wanted = wanting({});
    wanted.ftp_ports = {21, 2121};

    const Reconciled done = first_run(wanted);

    EXPECT_THAT(done.changes, ElementsAre("FTP's ports: [21, 2121]"));
    EXPECT_THAT(plane.ports, ElementsAre(21, 2121));
    EXPECT_THAT(first_run(wanted).changes, IsEmpty());
}

// web with two servers of these weights, which others change.
class DriftTest : public ReconcilerTest {
protected:
    static model::RealServer server(const char* address, model::Weight weight) {
        return {.address = model::Endpoint::parse(address).value(), .weight = weight};
    }
    static model::Forwarding web(model::Weight one, model::Weight two) {
        auto wanted = wanting({kWeb});
        wanted.services[0].servers = {server(kOne, one), server(kTwo, two)};
        return wanted;
    }
    [[nodiscard]] std::vector<model::Weight> weights() const {
        std::vector<model::Weight> all;
        for (const auto& each : plane.running.at(0).servers) all.push_back(each.server.weight);
        return all;
    }
    void SetUp() override {
        ASSERT_TRUE(reconciler.reconcile(plane, web(1, 1)));
        plane.by_hand(model::Change(model::EditServer{kWeb, server(kTwo, 9)}));
    }

    static constexpr const char* kOne = "10.1.1.1:80";
    static constexpr const char* kTwo = "10.1.1.2:80";
    Reconciler reconciler{file()};
};

TEST_F(DriftTest, IsPutBackAndTold) {
    const auto done = reconciler.reconcile(plane, web(1, 1)).value();

    EXPECT_THAT(done.drift, ElementsAre("TCP 10.0.0.2:80: server 10.1.1.2:80 weight 9 -> 1"));
    EXPECT_EQ(weights(), (std::vector<model::Weight>{1, 1}));
    EXPECT_THAT(reconciler.reconcile(plane, web(1, 1)).value().drift, IsEmpty());
}

TEST_F(DriftTest, ThatIsLeftIsToldEachTimeAndOthersChangeAsEver) {
    for (int i = 0; i < 2; ++i) {
        const auto done = reconciler.reconcile(plane, web(3, 1), Drift::Leave).value();
        EXPECT_THAT(done.drift, ElementsAre(HasSubstr("10.1.1.2:80 weight 9 -> 1")));
        EXPECT_EQ(weights(), (std::vector<model::Weight>{3, 9}));
    }
}

TEST_F(DriftTest, EndsWithNewsOfThatServer) {
    ASSERT_TRUE(reconciler.reconcile(plane, web(1, 4), Drift::Leave));

    EXPECT_EQ(weights(), (std::vector<model::Weight>{1, 4}));
}

TEST_F(DriftTest, AServiceThatOthersRemovedStaysAwayWithAllItsServers) {
    plane.by_hand(model::Change(model::RemoveService{kWeb}));

    const auto done = reconciler.reconcile(plane, web(3, 1), Drift::Leave).value();

    EXPECT_THAT(done.changes, IsEmpty());
    EXPECT_THAT(plane.running, IsEmpty());
    ASSERT_TRUE(reconciler.reconcile(plane, web(3, 1)));
    EXPECT_EQ(weights(), (std::vector<model::Weight>{3, 1}));
}

TEST_F(DriftTest, OfTheTimeoutsIsLeftOrPutBack) {
    plane.set.udp = std::chrono::seconds(7);

    const auto left = reconciler.reconcile(plane, web(1, 1), Drift::Leave).value();
    EXPECT_THAT(left.drift, testing::Contains(HasSubstr("udp 300 s")));
    EXPECT_EQ(plane.set.udp, std::chrono::seconds(7));

    ASSERT_TRUE(reconciler.reconcile(plane, web(1, 1)));
    EXPECT_EQ(plane.set.udp, model::Timeouts{}.udp);
}

}  // namespace
}  // namespace isobar::control
