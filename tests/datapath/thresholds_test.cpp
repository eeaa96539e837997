// SPDX-License-Identifier: Apache-2.0
// Overloaded servers: who is, until when, and that every scheduler passes them over.
#include <chrono>
#include <thread>

#include "fixture.h"

namespace isobar::test {
namespace {

class Thresholds : public DatapathOnHook {
protected:
    static model::RealServer server(int number, std::uint32_t upper, std::uint32_t lower = 0,
                                    model::Weight weight = 1) {
        model::RealServer server{endpoint(kServers[number - 1].address, 80), weight};
        server.upper_threshold = upper;
        server.lower_threshold = lower;
        return server;
    }
    void serve(std::vector<model::RealServer> servers,
               model::Scheduler scheduler = model::Scheduler::Rr) {
        std::vector<model::Change> changes{model::AddService{kWeb, scheduler}};
        for (const auto& each : servers) changes.emplace_back(model::AddServer{kWeb, each});
        bed().apply(std::move(changes));
    }
    std::string next(int connections) {
        std::string sequence;
        for (int i = 0; i < connections; ++i) {
            const int server = connect(port_++, hook());
            if (i > 0) sequence += ' ';
            sequence += server == 0 ? "-" : std::to_string(server);
        }
        return sequence;
    }
    // Ends that many of the server's connections.
    void end(int number, int connections) {
        for (auto* conn : bed().connections()) {
            if (&bed().maps().servers()[conn->server] != &bed().server(kServers[number - 1]))
                continue;
            if (connections-- == 0) break;
            conn->expires = bed().jiffies() - 1;
        }
        ASSERT_TRUE(bed().plane().services());
    }
    bool overloaded(int number) { return bed().server(kServers[number - 1]).overloaded != 0; }

private:
    std::uint16_t port_ = 40000;
};
ISOBAR_ON_BOTH_HOOKS(Thresholds);

TEST_P(Thresholds, EverySchedulerPassesOverloadedServers) {
    const struct {
        model::Scheduler scheduler;
        const char* sequence;
    } cases[] = {{model::Scheduler::Rr, "3 2 1 3 2 1 2 1 2 1 - -"},
                 {model::Scheduler::Wrr, "3 2 1 3 2 1 2 1 2 1 - -"},
                 {model::Scheduler::Lc, "3 2 1 3 2 1 2 1 2 1 - -"},
                 {model::Scheduler::Wlc, "3 2 1 3 2 1 2 1 2 1 - -"}};
    for (const auto& c : cases) {
        SCOPED_TRACE(name(c.scheduler));
        make({});
        serve({server(1, 4), server(2, 4), server(3, 2)}, c.scheduler);
        EXPECT_EQ(c.sequence, next(12));
    }
}

// The rounds of the overloaded heavy ones are skipped, and come back with them.
TEST_P(Thresholds, WrrGoesOnWithTheLighterOnes) {
    serve({server(1, 0, 0, 1), server(2, 0, 0, 2), server(3, 2, 0, 1000)}, model::Scheduler::Wrr);

    EXPECT_EQ("3 2 1 3 2 2 1 2 2", next(9));
    end(3, 2);
    EXPECT_EQ("1 3 3 2 2", next(5));
}

TEST_P(Thresholds, WithALowerOneTheServerComesBackBelowIt) {
    serve({server(1, 0), server(2, 8, 3)});
    (void)next(16);
    ASSERT_TRUE(overloaded(2));
    EXPECT_EQ("1 1", next(2));

    end(2, 5);
    EXPECT_TRUE(overloaded(2)) << "3 are left";
    EXPECT_EQ("1", next(1));
    end(2, 1);

    EXPECT_FALSE(overloaded(2));
    EXPECT_EQ("2 1", next(2));
}

TEST_P(Thresholds, WithoutALowerOneItComesBackBelowThreeQuarters) {
    serve({server(1, 0), server(2, 8)});
    (void)next(16);
    ASSERT_TRUE(overloaded(2));

    end(2, 2);
    EXPECT_TRUE(overloaded(2)) << "6 are left";
    end(2, 1);

    EXPECT_FALSE(overloaded(2));
}

TEST_P(Thresholds, InactiveConnectionsCount) {
    serve({server(1, 2)});
    EXPECT_EQ("1 1", next(2));
    (void)bed().send(hook(), Side::Inside, reply(kServers[0], 40000, kSyn | kAck));
    (void)bed().send(hook(), Side::Outside, request(40000, kAck));
    (void)bed().send(hook(), Side::Outside, request(40000, kFin | kAck));
    (void)bed().send(hook(), Side::Inside, reply(kServers[0], 40000, kFin | kAck));
    ASSERT_EQ(1u, bed().server(kServers[0]).inactive);

    EXPECT_EQ("-", next(1));
}

TEST_P(Thresholds, AnEditTakesEffectAsInIpvs) {
    serve({server(1, 2)});
    EXPECT_EQ("1 1 -", next(3));

    bed().apply({model::EditServer{kWeb, server(1, 3)}});
    EXPECT_EQ("1 -", next(2)) << "a higher limit ends the overload";
    bed().apply({model::EditServer{kWeb, server(1, 2)}});
    EXPECT_EQ("-", next(1)) << "a lower one does not";
    bed().apply({model::EditServer{kWeb, server(1, 0)}});
    EXPECT_EQ("1 1", next(2)) << "nor any at all";
    const auto listed = bed().plane().services().value().at(0).servers.at(0);
    EXPECT_EQ(server(1, 0), listed.server);
    EXPECT_FALSE(listed.overloaded);
}

TEST_P(Thresholds, ATemplateLeadsToAnOverloadedServer) {
    bed().apply(
        {model::AddService{
             .key = kWeb, .scheduler = model::Scheduler::Rr, .persistence = model::Persistence{}},
         model::AddServer{kWeb, server(1, 2)}});

    EXPECT_EQ("1 1 1 1", next(4)) << "one client";

    EXPECT_TRUE(overloaded(1));
}

TEST_P(Thresholds, AnotherViewOfTheStateShowsThem) {
    serve({server(1, 8, 3)});

    auto other = dataplane::Dataplane::open();

    ASSERT_TRUE(other);
    EXPECT_EQ(server(1, 8, 3), other->services().value().at(0).servers.at(0).server);
}

TEST_F(Datapath, ALowerThresholdAboveTheUpperIsRefused) {
    bed().add_service(kWeb, model::Scheduler::Rr, {}, 80);
    model::RealServer server{endpoint(kServers[0].address, 80), 1};
    server.upper_threshold = 5;
    server.lower_threshold = 10;
    const model::Change change = model::AddServer{kWeb, server};

    const auto done = bed().plane().apply(std::span(&change, 1));

    ASSERT_FALSE(done);
    EXPECT_EQ(Fault::OutOfRange, done.error().fault);
}

// Connections begin and end on all CPUs around the limit: when all is quiet, the mark agrees
// with the counts.
TEST_P(Thresholds, ThreadsLeaveTheMarkRight) {
    make({.connections = 8192});
    serve({server(1, 40, 0), server(2, 60, 20)});
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&, thread] {
            for (int i = 0; i < 500; ++i) {
                const auto port = static_cast<std::uint16_t>(10000 + thread * 500 + i);
                (void)bed().run(hook(), Side::Outside, request(port, kSyn));
                if (i % 10 == 0)
                    for (auto* conn : bed().connections()) conn->expires = bed().jiffies() - 1;
            }
        });
    for (auto& thread : threads) thread.join();

    for (auto* conn : bed().connections()) conn->expires = bed().jiffies() - 1;
    ASSERT_TRUE(bed().plane().services());
    for (const int number : {1, 2}) {
        EXPECT_EQ(0u, bed().server(kServers[number - 1]).active);
        EXPECT_FALSE(overloaded(number));
    }
    // each CPU may have had one more under way
    EXPECT_NE("", next(200));
    EXPECT_TRUE(overloaded(1) && overloaded(2));
    EXPECT_EQ(40u, bed().server(kServers[0]).active);
    EXPECT_EQ(60u, bed().server(kServers[1]).active);
}

}  // namespace
}  // namespace isobar::test
