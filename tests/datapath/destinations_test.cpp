// SPDX-License-Identifier: Apache-2.0
// lblc and lblcr: what they remember of destinations. A service by firewall mark has many of them,
// as in front of transparent proxies. All connections stay open.
#include <algorithm>

#include "fixture.h"

namespace isobar::test {
namespace {

using model::Scheduler;
using std::chrono::seconds;

const model::ServiceKey kProxies = model::ServiceKey::by_mark(model::kFirstGroupMark + 5);
constexpr V4 kInternet = v4(93, 184, 0, 0);

class Destinations : public DatapathOnHook {
protected:
    void serve(Scheduler scheduler, const std::vector<model::Weight>& weights) {
        bed().add_service(kProxies, scheduler, weights, 0);
        const auto anywhere = model::Network::around(endpoint(0, 0).address, 0);
        const auto there = model::Network::around(endpoint(kInternet, 0).address, 16);
        ASSERT_TRUE(bed().plane().set_groups(std::vector{
            model::MarkRule{model::Protocol::Tcp, anywhere, there, 80, 80, kProxies.mark}}));
    }
    // The server of the next connection to that destination.
    int connect(V4 number) {
        const auto frame = arriving(
            kClient, packet(Ip{.source = kClient.address, .destination = kInternet + number},
                            Tcp{port_++, 80, kSyn}));
        const auto outcome = bed().send(hook(), Side::Outside, frame);
        return outcome.verdict == ISOBAR_FORWARDED ? server_of(outcome.frame) : 0;
    }
    std::string connect(std::initializer_list<V4> numbers) {
        std::string servers;
        for (const V4 number : numbers) servers += std::to_string(connect(number)) + ' ';
        return servers;
    }
    // What is remembered of the only destination that is there.
    isobar_destination& destination() {
        const auto all = bed().maps().caches();
        const auto used = [](const isobar_destination& each) { return each.cache != 0; };
        EXPECT_EQ(1, std::ranges::count_if(all, used));
        return *std::ranges::find_if(all, used);
    }
    [[nodiscard]] std::uint32_t ago(seconds time) {
        return bed().jiffies() -
               static_cast<std::uint32_t>(time.count()) * bed().maps().settings().hz;
    }
    static model::RealServer server(int number, model::Weight weight) {
        return {endpoint(kServers[number - 1].address, 0), weight};
    }

private:
    std::uint16_t port_ = 40000;
};
ISOBAR_ON_BOTH_HOOKS(Destinations);

constexpr Scheduler kBoth[] = {Scheduler::Lblc, Scheduler::Lblcr};

TEST_P(Destinations, EachStaysWithTheServerThatWasTheLeastLoaded) {
    for (const auto scheduler : kBoth) {
        serve(scheduler, {9, 9, 9});

        EXPECT_EQ("3 2 1 ", connect({1, 2, 3}));
        EXPECT_EQ("1 1 2 3 3 3 ", connect({3, 3, 2, 1, 1, 1}));
        bed().server(kServers[2]).active = 0;
        EXPECT_EQ("1 2 ", connect({3, 2})) << "whatever the load";

        bed().apply({model::RemoveService{kProxies}});
        for (auto& record : bed().maps().servers()) record.active = 0;
    }
}

// More than its weight, and another has less than half of its own.
TEST_P(Destinations, AnOverloadedServerIsLeftIfAnotherIsNearlyIdle) {
    serve(Scheduler::Lblc, {4, 4});
    ASSERT_EQ(2, connect(1));
    bed().server(kServers[1]).active = 5;
    bed().server(kServers[0]).active = 2;
    EXPECT_EQ(2, connect(1)) << "half is not less than half";
    bed().server(kServers[0]).active = 1;
    EXPECT_EQ(1, connect(1));
    bed().server(kServers[1]).active = 0;
    EXPECT_EQ(1, connect(1)) << "it is not overloaded itself";
}

TEST_P(Destinations, WithReplicationTheLeastLoadedOfASetTakesTheConnection) {
    serve(Scheduler::Lblcr, {1, 1, 1});
    ASSERT_EQ("3 3 2 ", connect({1, 1, 1}));
    EXPECT_EQ(2, connect(1)) << "3 has 2, and 2 has 1";
    bed().server(kServers[1]).active = 1;
    bed().server(kServers[2]).active = 0;
    EXPECT_EQ(3, connect(1));
    bed().server(kServers[2]).active = 1;
    EXPECT_EQ(2, connect(1)) << "of equal ones the one that came last";
}

TEST_P(Destinations, WithReplicationTheMostLoadedLeavesASetThatIsOld) {
    serve(Scheduler::Lblcr, {1, 1, 1});
    ASSERT_EQ("3 3 2 ", connect({1, 1, 1}));
    ASSERT_EQ(2u, destination().count);
    bed().server(kServers[1]).active = 1;

    destination().changed = ago(seconds(24 * 3600 - 60));
    EXPECT_EQ(2, connect(1));
    EXPECT_EQ(2u, destination().count);

    destination().changed = ago(seconds(24 * 3600 + 1));
    bed().server(kServers[1]).active = 0;
    EXPECT_EQ(2, connect(1));
    EXPECT_EQ(1u, destination().count);
    bed().server(kServers[2]).active = 0;
    bed().server(kServers[1]).active = 1;
    EXPECT_EQ(2, connect(1)) << "3 has left, idle as it is";
}

TEST_P(Destinations, AServerThatIsQuiescedOrGoneIsLeft) {
    for (const auto scheduler : kBoth) {
        serve(scheduler, {9, 9, 9});
        ASSERT_EQ(3, connect(1));
        bed().apply({model::EditServer{kProxies, server(3, 0)}});
        EXPECT_EQ(2, connect(1));
        bed().apply({model::RemoveServer{kProxies, server(2, 9).address}});
        EXPECT_EQ(1, connect(1));
        bed().apply({model::EditServer{kProxies, server(1, 0)}});
        EXPECT_EQ(0, connect(1));
        bed().apply({model::RemoveService{kProxies}});
        for (auto& record : bed().maps().servers()) record.active = 0;
    }
}

// As with IPVS, where what remembers a removed server keeps it.
TEST_P(Destinations, AServerThatComesBackGetsItsDestinationsBackHoweverLate) {
    serve(Scheduler::Lblc, {9, 9, 9});
    ASSERT_EQ("3 2 ", connect({1, 2}));
    bed().apply({model::RemoveServer{kProxies, server(3, 9).address}});
    for (auto* conn : bed().connections()) conn->expires = bed().jiffies() - 1;
    (void)bed().plane().services();  // sweeps
    bed().server(kServers[2]).removed_at = ago(seconds(200));
    bed().apply({model::AddServer{kProxies, {endpoint(kServers[0].address, 81), 0}}});

    bed().apply({model::AddServer{kProxies, server(3, 9)}});

    bed().server(kServers[2]).active = 7;
    EXPECT_EQ("3 2 ", connect({1, 2}));
}

TEST_P(Destinations, OverloadedByItsThresholdAServerKeepsItsDestinationWithLblcOnly) {
    for (const auto& [scheduler, next] : {std::pair{Scheduler::Lblc, 2}, {Scheduler::Lblcr, 1}}) {
        serve(scheduler, {9, 9});
        auto limited = server(2, 9);
        limited.upper_threshold = 1;
        bed().apply({model::EditServer{kProxies, limited}});
        ASSERT_EQ(2, connect(1));
        EXPECT_EQ(next, connect(1));
        bed().apply({model::RemoveService{kProxies}});
        for (auto& record : bed().maps().servers()) record.active = record.overloaded = 0;
    }
}

TEST_P(Destinations, AreForgottenWhenNobodyAsksForThem) {
    for (const auto scheduler : kBoth) {
        serve(scheduler, {9, 9, 9});
        ASSERT_EQ(3, connect(1));
        destination().used = ago(seconds(24 * 3600 - 60));
        EXPECT_EQ(3, connect(1));
        destination().used = ago(seconds(24 * 3600 + 1));
        EXPECT_EQ(2, connect(1));
        EXPECT_EQ(2, connect(1));
        EXPECT_EQ(1u, destination().count);

        ASSERT_TRUE(bed().plane().set_locality(
            {.lblc_expiration = seconds(60), .lblcr_expiration = seconds(60)}));
        destination().used = ago(seconds(61));
        EXPECT_EQ(1, connect(1));

        ASSERT_TRUE(bed().plane().set_locality({}));
        bed().apply({model::RemoveService{kProxies}});
        for (auto& record : bed().maps().servers()) record.active = 0;
        destination() = {};
    }
}

TEST_P(Destinations, AreForgottenWithTheSchedulerAndTheServiceAndNotBefore) {
    serve(Scheduler::Lblc, {9, 9});
    ASSERT_EQ("2 2 ", connect({1, 1}));
    bed().apply({model::EditService{kProxies, Scheduler::Lblc, {}, model::Persistence{}}});
    bed().apply({model::EditService{kProxies, Scheduler::Lblc}});
    EXPECT_EQ(2, connect(1));

    bed().apply({model::EditService{kProxies, Scheduler::Lblcr}});
    EXPECT_EQ(1, connect(1));
    bed().server(kServers[0]).active = 9;
    bed().apply({model::EditService{kProxies, Scheduler::Wlc},
                 model::EditService{kProxies, Scheduler::Lblcr}});
    EXPECT_EQ(2, connect(1));
    bed().server(kServers[1]).active = 9;
    bed().apply({model::RemoveService{kProxies}});
    bed().add_service(kProxies, Scheduler::Lblcr, {90, 9}, 0);
    EXPECT_EQ(1, connect(1));
}

TEST_P(Destinations, OfMoreThanThereIsRoomForTheOneUsedLongestAgoIsForgotten) {
    serve(Scheduler::Lblc, {9999, 9999, 9999});
    constexpr V4 kMany = 400;  // room is for 128
    for (V4 number = 0; number < kMany; ++number) ASSERT_NE(0, connect(number));
    const int last = connect(kMany);
    ASSERT_NE(0, last);
    for (const auto& host : kServers) bed().server(host).active = 1000;
    bed().server(kServers[last % 3]).active = 0;
    EXPECT_EQ(last, connect(kMany));
}

TEST_P(Destinations, ASetHasRoomForSoManyServersAndTheRestIsUsedAllTheSame) {
    serve(Scheduler::Lblcr, {});
    constexpr std::uint16_t kMany = ISOBAR_DESTINATION_SERVERS + 20;
    std::vector<model::Change> changes;
    for (std::uint16_t i = 0; i < kMany; ++i)
        changes.emplace_back(
            model::AddServer{kProxies, {endpoint(kServers[0].address, 9000 + i), 1}});
    bed().apply(changes);
    for (auto& record : bed().maps().servers()) record.active = 0;

    for (int i = 0; i < 2 * kMany; ++i) ASSERT_NE(0, connect(1));

    EXPECT_EQ(ISOBAR_DESTINATION_SERVERS, static_cast<int>(destination().count));
    std::uint32_t most = 0;
    for (const auto& record : bed().maps().servers()) most = std::max(most, record.active);
    EXPECT_LE(most, 3u);
}

}  // namespace
}  // namespace isobar::test
