// SPDX-License-Identifier: Apache-2.0
// Which server gets the next connection. The sequences for the weights 1, 2, 3 are those
// that IPVS was seen to choose; all connections stay open.
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
