// SPDX-License-Identifier: Apache-2.0
// Which server gets the next connection. The sequences for the weights 1, 2, 3 are those
// that IPVS was seen to choose; all connections stay open.
#include <set>

#include "fixture.h"

namespace isobar::test {
namespace {

using model::Scheduler;
using Weights = std::vector<model::Weight>;

class Schedulers : public DatapathOnHook {
protected:
    void serve(Scheduler scheduler, const Weights& weights) {
        bed().add_service(kWeb, scheduler, weights, 80);
    }
    // The servers of the next connections: "3 2 1"; "-" is none.
    std::string next(int connections) {
        std::string sequence;
        for (int i = 0; i < connections; ++i) {
            const int server = connect(port_++, hook());
            if (i > 0) sequence += ' ';
            sequence += server == 0 ? "-" : std::to_string(server);
        }
        return sequence;
    }
    static model::RealServer server(int number, model::Weight weight) {
        return {endpoint(kServers[number - 1].address, 80), weight};
    }

    // Servers of weight 1 that differ in their port.
    static model::RealServer numbered(std::uint16_t number, model::Weight weight) {
        return {endpoint(kServers[0].address, static_cast<std::uint16_t>(kFirstPort + number)),
                weight};
    }
    void serve_many(Scheduler scheduler, std::uint16_t count) {
        std::vector<model::Change> changes{model::AddService{kWeb, scheduler}};
        for (std::uint16_t i = 0; i < count; ++i)
            changes.emplace_back(model::AddServer{kWeb, numbered(i, 1)});
        bed().apply(changes);
    }
    // The port of the server that the next connection goes to.
    std::uint16_t next_port() {
        const auto outcome = bed().send(hook(), Side::Outside, request(port_++, kSyn));
        EXPECT_EQ(ISOBAR_FORWARDED, outcome.verdict);
        return static_cast<std::uint16_t>(get16(outcome.frame, kL4At + 2));
    }
    // Connections that server 1 of two gets while it has that many and server 2 has none.
    int draws_of_server_1(int connections, std::uint32_t active) {
        int count = 0;
        for (int i = 0; i < connections; ++i) {
            bed().server(kServers[0]).active = active;
            bed().server(kServers[1]).active = 0;
            if (connect(port_++, hook()) == 1) ++count;
        }
        return count;
    }
    static constexpr std::uint16_t kFirstPort = 9000;

private:
    std::uint16_t port_ = 40000;
};
ISOBAR_ON_BOTH_HOOKS(Schedulers);

TEST_P(Schedulers, ChooseAsIpvsDoes) {
    const struct {
        const char* description;
        Scheduler scheduler;
        Weights weights;
        const char* sequence;
    } cases[] = {
        {"rr", Scheduler::Rr, {1, 2, 3}, "3 2 1 3 2 1 3 2 1 3 2 1"},
        {"wrr", Scheduler::Wrr, {1, 2, 3}, "3 2 1 3 3 2 3 2 1 3 3 2 3 2 1 3 3 2"},
        {"lc", Scheduler::Lc, {1, 2, 3}, "3 2 1 3 2 1 3 2 1 3 2 1"},
        {"wlc", Scheduler::Wlc, {1, 2, 3}, "3 2 1 3 2 3 3 2 1 3 2 3 3 2 1 3 2 3"},
        {"sed", Scheduler::Sed, {1, 2, 3}, "3 2 3 3 2 1 3 2 3 3 2 1"},
        {"nq", Scheduler::Nq, {1, 2, 3}, "3 2 1 3 3 2 3 2 3 3 2 1 3 2 3 3 2 1"},
        {"fo", Scheduler::Fo, {1, 2, 3}, "3 3 3 3 3 3"},
        {"fo, two of the largest weight", Scheduler::Fo, {1, 2, 2}, "3 3 3"},
        {"ovf", Scheduler::Ovf, {1, 2, 3}, "3 3 3 3 2 2 2 1 1 - -"},
        {"lblc", Scheduler::Lblc, {1, 2, 3}, "3 3 3 3 2 2 2 1 1 1 1 1"},
        {"lblcr", Scheduler::Lblcr, {1, 2, 3}, "3 3 3 3 2 2 2 1 1 3 2 3"},
        {"lblc, one quiesced", Scheduler::Lblc, {1, 2, 0}, "2 2 2 1 1 1"},
        {"lblcr, one quiesced", Scheduler::Lblcr, {1, 2, 0}, "2 2 2 1 1 2 1"},
        {"lblc, all quiesced", Scheduler::Lblc, {0, 0}, "- -"},
        {"lblcr, all quiesced", Scheduler::Lblcr, {0, 0}, "- -"},
        {"lrt, all quiesced", Scheduler::Lrt, {0, 0}, "- -"},
        {"twos, one server", Scheduler::Twos, {7}, "1 1 1"},
        {"twos, all others quiesced", Scheduler::Twos, {0, 7, 0}, "2 2 2 2"},
        {"sed, one quiesced", Scheduler::Sed, {0, 1, 2}, "3 3 2 3 3 2"},
        {"nq, one quiesced", Scheduler::Nq, {0, 1, 2}, "3 2 3 3 3 2"},
        {"fo, the heaviest quiesced", Scheduler::Fo, {1, 2, 0}, "2 2 2"},
        {"ovf, the heaviest quiesced", Scheduler::Ovf, {1, 2, 0}, "2 2 2 1 1 -"},
        {"sed, all quiesced", Scheduler::Sed, {0, 0}, "- -"},
        {"nq, all quiesced", Scheduler::Nq, {0, 0}, "- -"},
        {"fo, all quiesced", Scheduler::Fo, {0, 0}, "- -"},
        {"ovf, all quiesced", Scheduler::Ovf, {0, 0}, "- -"},
        {"twos, all quiesced", Scheduler::Twos, {0, 0}, "- -"},
        {"sed, the largest weights", Scheduler::Sed, {2147483647, 2147483646}, "1 2 1 2"},
        {"rr, one quiesced", Scheduler::Rr, {0, 1, 2}, "3 2 3 2 3 2"},
        {"wrr, one quiesced", Scheduler::Wrr, {0, 1, 2}, "3 2 3 3 2 3 3 2"},
        {"lc, one quiesced", Scheduler::Lc, {0, 1, 2}, "3 2 3 2 3 2"},
        {"wlc, one quiesced", Scheduler::Wlc, {0, 1, 2}, "3 2 3 3 2 3 3 2 3"},
        {"rr, the newest quiesced", Scheduler::Rr, {5, 5, 0}, "2 1 2 1 2 1"},
        {"wrr, the newest quiesced", Scheduler::Wrr, {5, 5, 0}, "2 1 2 1 2 1"},
        {"lc, the newest quiesced", Scheduler::Lc, {5, 5, 0}, "2 1 2 1 2 1"},
        {"wlc, the newest quiesced", Scheduler::Wlc, {5, 5, 0}, "2 1 2 1 2 1"},
        {"wrr, a common divisor", Scheduler::Wrr, {2, 4, 6}, "3 2 1 3 3 2 3 2 1 3 3 2"},
        {"rr, one server", Scheduler::Rr, {7}, "1 1 1"},
        {"rr, all quiesced", Scheduler::Rr, {0, 0}, "- -"},
        {"wrr, all quiesced", Scheduler::Wrr, {0, 0}, "- -"},
        {"lc, all quiesced", Scheduler::Lc, {0, 0}, "- -"},
        {"wlc, all quiesced", Scheduler::Wlc, {0, 0}, "- -"},
        {"wlc, no server", Scheduler::Wlc, {}, "- -"},
        {"wlc, the largest weights", Scheduler::Wlc, {2147483647, 2147483646}, "2 1 1 2"},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.description);
        serve(c.scheduler, c.weights);
        const std::string wanted = c.sequence;
        EXPECT_EQ(wanted, next(static_cast<int>(wanted.size() + 1) / 2));
        bed().apply({model::RemoveService{kWeb}});
        for (auto* conn : bed().connections()) conn->expires = bed().jiffies() - 1;
        (void)bed().plane().services();  // sweeps: the next case begins without connections
    }
}

TEST_P(Schedulers, RoundRobinGoesOnAfterTheServerUsedLastWhenItIsRemoved) {
    serve(Scheduler::Rr, {1, 1, 1});
    ASSERT_EQ("3 2", next(2));
    bed().apply({model::RemoveServer{kWeb, endpoint(kServers[1].address, 80)}});
    EXPECT_EQ("1 3 1 3", next(4));
}

TEST_P(Schedulers, RoundRobinGoesOnWhenAServerIsAddedInFront) {
    serve(Scheduler::Rr, {1, 1});
    ASSERT_EQ("2", next(1));
    bed().apply({model::AddServer{kWeb, server(3, 1)}});
    EXPECT_EQ("1 3 2 1 3", next(5));
}

TEST_P(Schedulers, ANewWeightCountsFromTheNextConnectionOn) {
    serve(Scheduler::Rr, {1, 1, 1});
    ASSERT_EQ("3", next(1));
    bed().apply({model::EditServer{kWeb, server(2, 0)}});
    EXPECT_EQ("1 3 1 3", next(4));
    bed().apply({model::EditServer{kWeb, server(2, 1)}});
    EXPECT_EQ("2 1 3", next(3));
}

TEST_P(Schedulers, WeightedRoundRobinBeginsItsListAnewAfterAChange) {
    serve(Scheduler::Wrr, {1, 2, 3});
    ASSERT_EQ("3 2", next(2));  // in the round of weight 1
    bed().apply({model::EditServer{kWeb, server(1, 2)}});
    EXPECT_EQ("3 2 1 3 3 2 1 3 2 1", next(10));
}

TEST_P(Schedulers, AnotherSchedulerStartsFromItsBeginning) {
    serve(Scheduler::Rr, {1, 2, 3});
    ASSERT_EQ("3 2", next(2));
    bed().apply({model::EditService{kWeb, Scheduler::Wrr}});
    EXPECT_EQ("3 3 2 3 2 1", next(6));
}

// Every server once: a round of sed and nq over more servers than are looked at inline.
TEST_P(Schedulers, LookAtEveryServerOfALargeSet) {
    constexpr std::uint16_t kMany = 40;
    for (const auto scheduler : {Scheduler::Lc, Scheduler::Wlc, Scheduler::Sed, Scheduler::Nq}) {
        SCOPED_TRACE(static_cast<int>(scheduler));
        serve_many(scheduler, kMany);
        std::set<std::uint16_t> chosen;
        for (std::uint16_t i = 0; i < kMany; ++i) chosen.insert(next_port());
        EXPECT_EQ(kMany, chosen.size());
        bed().apply({model::RemoveService{kWeb}});
    }
}

TEST_P(Schedulers, FindTheOnlyServerThatIsFreeInALargeSet) {
    constexpr std::uint16_t kMany = 40;
    for (const auto scheduler : {Scheduler::Fo, Scheduler::Ovf, Scheduler::Twos, Scheduler::Sed,
                                 Scheduler::Lblc, Scheduler::Lblcr, Scheduler::Lrt}) {
        for (const std::uint16_t free : {std::uint16_t{0}, std::uint16_t{39}}) {
            SCOPED_TRACE(static_cast<int>(scheduler));
            serve_many(scheduler, kMany);
            std::vector<model::Change> others;
            for (std::uint16_t i = 0; i < kMany; ++i)
                if (i != free) others.emplace_back(model::EditServer{kWeb, numbered(i, 0)});
            bed().apply(others);
            EXPECT_EQ(kFirstPort + free, next_port());
            bed().apply({model::RemoveService{kWeb}});
        }
    }
}

// Of `total` draws each is server 1 with 1/3, as weights 1 and 1 are drawn (ip_vs_twos.c: 0 to
// their sum, both included, and 0 falls to the first in the list). Six sigma: 2 in 10^9 runs.
TEST_P(Schedulers, TwosDrawsByWeightAndTakesTheFirstOfEqualLoads) {
    constexpr int kTotal = 450;
    serve(Scheduler::Twos, {1, 1});
    const int first = draws_of_server_1(kTotal, 0);
    EXPECT_NEAR(150, first, 60);
}

// It takes the connection only if both draws are server 1: 1/9.
TEST_P(Schedulers, TwosTakesTheBetterOfTheTwo) {
    constexpr int kTotal = 450;
    serve(Scheduler::Twos, {1, 1});
    const int first = draws_of_server_1(kTotal, 100);
    EXPECT_NEAR(50, first, 40);
}

// An active connection weighs as 256 inactive ones (ip_vs_dest_conn_overhead).
TEST_P(Schedulers, LeastConnectionWeighsActiveAs256Inactive) {
    serve(Scheduler::Lc, {1, 1});
    bed().server(kServers[1]).active = 1;
    bed().server(kServers[0]).inactive = 255;
    EXPECT_EQ("1", next(1));
    bed().server(kServers[0]).active = 0;
    bed().server(kServers[0]).inactive = 257;
    EXPECT_EQ("2", next(1));
}

}  // namespace
}  // namespace isobar::test
