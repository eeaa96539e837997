// SPDX-License-Identifier: Apache-2.0
// Least response time: what is measured, and what follows from it. Time passes by moving the
// moments that the records tell into the past.
#include <ctime>

#include "fixture.h"

namespace isobar::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

class Response : public DatapathOnHook {
protected:
    static constexpr std::uint32_t kMs = 1000;  // as records tell it

    static std::uint64_t ago(nanoseconds time) {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return static_cast<std::uint64_t>(
            (seconds(now.tv_sec) + nanoseconds(now.tv_nsec) - time).count());
    }
    isobar_response& response(int server) { return bed().server(kServers[server - 1]).response; }
    // It has been measured a moment ago.
    void measured(int server, std::uint32_t time) {
        auto& record = response(server) = {};
        record.asked = ago(milliseconds(1));
        record.time = time;
    }
    // The servers of the next connections, which stay open, while each answers in that many us.
    std::string next(int connections, const std::vector<std::uint32_t>& times) {
        std::string sequence;
        for (int i = 0; i < connections; ++i) {
            for (std::size_t server = 0; server < times.size(); ++server)
                measured(static_cast<int>(server) + 1, times[server]);
            sequence += std::to_string(connect(port_++, hook())) + ' ';
        }
        return sequence;
    }
    // SYN, and after that time SYN-ACK. The server.
    int exchange(nanoseconds answer) {
        const int server = connect(++port_, hook());
        if (server == 0) return 0;
        response(server).sent -= static_cast<std::uint64_t>(answer.count());
        EXPECT_EQ(ISOBAR_REPLIED,
                  bed()
                      .send(hook(), Side::Inside, reply(kServers[server - 1], port_, kSyn | kAck))
                      .verdict);
        return server;
    }
    std::uint16_t port_ = 40000;
};
ISOBAR_ON_BOTH_HOOKS(Response);

constexpr auto kLrt = model::Scheduler::Lrt;

TEST_P(Response, IsMeasuredFromSynToSynAck) {
    bed().add_service(kWeb, kLrt, {1}, 80);

    ASSERT_EQ(1, exchange(milliseconds(40)));

    EXPECT_GE(response(1).time, 40 * kMs);
    EXPECT_LT(response(1).time, 1000 * kMs) << "on a slow machine, too";
    EXPECT_EQ(0u, response(1).since);
}

TEST_P(Response, FollowsTheAnswersByAQuarterAndNotBeyondTwice) {
    bed().add_service(kWeb, kLrt, {1}, 80);
    measured(1, 100 * kMs);
    ASSERT_EQ(1, exchange(milliseconds(1)));
    EXPECT_LT(response(1).time, 90 * kMs);
    EXPECT_GE(response(1).time, 75 * kMs);

    measured(1, 100 * kMs);
    ASSERT_EQ(1, exchange(milliseconds(2900)));
    EXPECT_EQ(175 * kMs, response(1).time);
}

TEST_P(Response, ServersWithoutAMeasurementAreTriedOneAfterTheOther) {
    bed().add_service(kWeb, kLrt, {1, 9, 1}, 80);
    EXPECT_EQ("3 2 1 ", next(3, {}));
}

// T * (active + 1) / weight, the first in the list of equal ones.
TEST_P(Response, TheShareFollowsFromTimeConnectionsAndWeight) {
    const struct {
        const char* description;
        std::vector<model::Weight> weights;
        std::vector<std::uint32_t> times;
        const char* servers;
    } cases[] = {
        {"one is slow", {1, 1, 1}, {4 * kMs, kMs, kMs}, "3 2 3 2 3 2 3 2 1 "},
        {"equal times: as sed", {1, 2, 3}, {kMs, kMs, kMs}, "3 2 3 3 2 1 "},
        {"the slow one weighs more", {4, 1}, {4 * kMs, kMs}, "2 1 2 1 "},
        {"quiesced", {0, 1}, {1, 100 * kMs}, "2 2 2 "},
    };
    for (const auto& [description, weights, times, servers] : cases) {
        SCOPED_TRACE(description);
        bed().add_service(kWeb, kLrt, weights, 80);
        const std::string wanted = servers;
        EXPECT_EQ(wanted, next(static_cast<int>(wanted.size() / 2), times));
        bed().apply({model::RemoveService{kWeb}});
        for (auto& record : bed().maps().servers()) record.active = 0;
    }
}

TEST_P(Response, WhoDoesNotAnswerCountsAsSlowAsThat) {
    bed().add_service(kWeb, kLrt, {1, 1}, 80);
    measured(1, 5 * kMs);
    measured(2, kMs);
    response(2).since = ago(seconds(2));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(1, connect(++port_, hook()));

    // what is refused is no answer
    response(1).since = ago(seconds(3));
    EXPECT_EQ(ISOBAR_REPLIED,
              bed().send(hook(), Side::Inside, reply(kServers[0], port_, kRst | kAck)).verdict);
    EXPECT_EQ(2, connect(++port_, hook()));
    EXPECT_EQ(ISOBAR_REPLIED,
              bed().send(hook(), Side::Inside, reply(kServers[1], port_, kSyn | kAck)).verdict);
    EXPECT_EQ(2, connect(++port_, hook()));
}

TEST_P(Response, WhoWasNotAskedForLongIsAskedAgainAndJudgedAfresh) {
    bed().add_service(kWeb, kLrt, {1, 1}, 80);
    measured(1, 4000 * kMs);
    measured(2, kMs);
    ASSERT_EQ(2, exchange(milliseconds(1)));
    response(1).asked = ago(seconds(31));
    response(1).since = ago(seconds(31));

    ASSERT_EQ(1, exchange(milliseconds(2)));

    EXPECT_LT(response(1).time, 1000 * kMs);
    EXPECT_GE(response(1).time, 2 * kMs);
}

// It is still not there: one connection was enough to see that.
TEST_P(Response, WhoDoesNotAnswerWhenAskedAgainGetsOneConnection) {
    bed().add_service(kWeb, kLrt, {1, 1}, 80);
    measured(2, kMs);
    measured(1, kMs);
    response(1).asked = ago(seconds(31));
    response(1).since = ago(seconds(100));
    EXPECT_EQ("1 2 2 2 2 2 ", next(6, {}));
}

TEST_P(Response, WhereRepliesAreNotSeenLeastConnectionsDecide) {
    bed().apply({model::AddService{kWeb, kLrt}});
    for (int server = 0; server < 3; ++server)
        bed().apply({model::AddServer{kWeb,
                                      {.address = endpoint(kServers[server].address, 80),
                                       .weight = static_cast<model::Weight>(server + 1),
                                       .method = model::ForwardingMethod::Dr}}});
    for (int i = 0; i < 6; ++i)
        ASSERT_EQ(ISOBAR_FORWARDED,
                  bed().send(hook(), Side::Outside, request(port_++, kSyn)).verdict);
    for (const std::uint32_t server : {1, 2, 3})
        EXPECT_EQ(server, bed().server(kServers[server - 1]).active);
}

TEST_P(Response, DatagramsAreSpreadByConnections) {
    bed().add_service(kDns, kLrt, {1, 2}, 53);
    std::string servers;
    for (int i = 0; i < 6; ++i) {
        const auto outcome = bed().send(hook(), Side::Outside, question(port_++));
        ASSERT_EQ(ISOBAR_FORWARDED, outcome.verdict);
        servers += std::to_string(server_of(outcome.frame)) + ' ';
    }
    EXPECT_EQ("2 2 1 2 2 1 ", servers);
}

// Of 40 servers 16 are drawn: hardly ever are these all slow.
TEST_P(Response, OfALargeSetTheSlowOnesAreAvoidedToo) {
    constexpr std::uint16_t kMany = 40;
    std::vector<model::Change> changes{model::AddService{kWeb, kLrt}};
    for (std::uint16_t i = 0; i < kMany; ++i)
        changes.emplace_back(model::AddServer{
            kWeb, {endpoint(kServers[0].address, static_cast<std::uint16_t>(9000 + i)), 1}});
    bed().apply(changes);
    const auto records = bed().maps().servers().first(kMany);
    int slow = 0;
    for (int i = 0; i < 200; ++i) {
        for (std::uint16_t each = 0; each < kMany; ++each) {
            records[each].response.asked = ago(milliseconds(1));
            records[each].response.since = 0;
            records[each].response.time = each % 2 == 0 ? kMs : 1000 * kMs;
        }
        const auto outcome = bed().send(hook(), Side::Outside, request(port_++, kSyn));
        ASSERT_EQ(ISOBAR_FORWARDED, outcome.verdict);
        for (std::uint16_t each = 1; each < kMany; each += 2)
            slow += static_cast<int>(records[each].active);
        for (auto& record : records) record.active = 0;
    }
    EXPECT_LE(slow, 5);
}

}  // namespace
}  // namespace isobar::test
