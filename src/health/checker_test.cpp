// SPDX-License-Identifier: Apache-2.0
#include "health/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <string>
#include <utility>
#include <vector>

#include "health/probe_fixture.h"
#include "health/test_servers.h"

namespace isobar::health {

Tried try_once(const Subject& subject) {
    boost::asio::io_context loop{1};
    Checker checker(loop, {});
    checker.follow({subject});
    std::optional<Outcome> found;
    checker.check_now(subject, [&](const Outcome& outcome) { found = outcome; });
    EXPECT_TRUE(run_until(loop, [&] { return found.has_value(); }));
    return {found.value_or(not_made("no result")), checker.report(subject)->transcript};
}

namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

void accept_all(const Peer& peer) {
    peer.wait_for_close();
}

Subject fast(model::Endpoint server) {
    Subject subject = subject_of(server, model::TcpProbe{}, milliseconds(1000));
    subject.check.interval = milliseconds(5);
    return subject;
}

class CheckerTest : public testing::Test {
protected:
    void start(Options options = {}) {
        checker.emplace(
            loop,
            [this](const Subject& subject, const State& state) {
                EXPECT_EQ(checker->state(subject)->health, state.health);  // visible already
                changes.emplace_back(subject.server.text(), state.health);
                if (on_change) on_change(subject);
            },
            std::move(options));
    }
    bool until(const std::function<bool()>& done) { return run_until(loop, done); }
    Health health(const Subject& subject) { return checker->state(subject).value().health; }

    boost::asio::io_context loop{1};
    std::vector<std::pair<std::string, Health>> changes;
    std::function<void(const Subject&)> on_change;
    std::optional<Checker> checker;
};

TEST_F(CheckerTest, AServerIsUnknownUntilItsFirstVerdict) {
    const TestServer server(accept_all);
    const Subject subject = fast(server.endpoint());
    start();

    checker->follow({subject});

    EXPECT_EQ(health(subject), Health::Unknown);
    EXPECT_TRUE(until([&] { return health(subject) == Health::Up; }));
    EXPECT_THAT(changes, ElementsAre(std::pair(subject.server.text(), Health::Up)));
}

TEST_F(CheckerTest, OneThatRefusesIsDownAndSaysWhy) {
    const Subject subject = fast(closed_port(SOCK_STREAM));
    start();

    checker->follow({subject});

    EXPECT_TRUE(until([&] { return health(subject) == Health::Down; }));
    EXPECT_EQ(checker->state(subject)->reason, "connection refused");
}

TEST_F(CheckerTest, GoesDownWhenItsServerEnds) {
    auto server = std::make_unique<TestServer>(accept_all);
    const Subject subject = fast(server->endpoint());
    start();
    checker->follow({subject});
    ASSERT_TRUE(until([&] { return health(subject) == Health::Up; }));

    server.reset();

    ASSERT_TRUE(until([&] { return health(subject) == Health::Down; }));
}

TEST_F(CheckerTest, SubjectsThatStayKeepTheirState) {
    const TestServer server(accept_all);
    const Subject stays = fast(server.endpoint());
    const Subject goes = fast(closed_port(SOCK_STREAM));
    start();
    checker->follow({stays, goes});
    ASSERT_TRUE(until([&] { return changes.size() == 2; }));
    const auto attempts = checker->report(stays)->attempts;

    checker->follow({stays, stays});

    EXPECT_EQ(health(stays), Health::Up);
    EXPECT_GE(checker->report(stays)->attempts, attempts);
    EXPECT_FALSE(checker->state(goes).has_value());
    EXPECT_TRUE(until([&] { return checker->report(stays)->attempts > attempts + 2; }));
    EXPECT_EQ(changes.size(), 2U);
}

TEST_F(CheckerTest, ItsCallbackMayDropTheSubject) {
    const TestServer server(accept_all);
    const Subject subject = fast(server.endpoint());
    start();
    on_change = [&](const Subject&) { checker->follow({}); };

    checker->follow({subject});

    EXPECT_TRUE(until([&] { return !changes.empty(); }));
    EXPECT_FALSE(checker->state(subject).has_value());
    loop.restart();
    loop.run();  // nothing is left to do
}

TEST_F(CheckerTest, EndsWhileAnAttemptRuns) {
    std::atomic<bool> asked = false;
    const TestServer server([&](const Peer& peer) {
        asked = true;
        peer.wait_for_close();
    });
    const Subject subject = subject_of(server.endpoint(), talk("", "*"));
    start();
    checker->follow({subject});
    checker->check_now(subject);
    // The server says nothing, so the loop hears of nothing: it is asked again and again.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(4);
    while (!asked && std::chrono::steady_clock::now() < deadline) loop.poll();
    ASSERT_TRUE(asked);

    checker.reset();

    loop.restart();
    loop.run();
    EXPECT_TRUE(changes.empty());
}

TEST_F(CheckerTest, TheLoopMayEndFirstWithAttemptsUnderWay) {
    const TestServer server(accept_all);
    const Subject subject = subject_of(server.endpoint(), talk("", "*"));
    start();
    checker->follow({subject});
    checker->check_now(subject);
    loop.poll();

    checker.reset();  // and the loop after it, with its coroutines
}

TEST_F(CheckerTest, WhatIsRememberedGoesOnInTheNextDaemon) {
    const Subject subject = fast(closed_port(SOCK_STREAM));
    start();
    checker->follow({subject});
    ASSERT_TRUE(until([&] { return health(subject) == Health::Down; }));
    const auto memories = checker->memories();
    const auto since = checker->state(subject)->since;

    boost::asio::io_context other{1};
    Checker next(other, {});
    next.recall(memories);
    next.follow({subject});

    EXPECT_EQ(next.state(subject)->health, Health::Down);
    EXPECT_EQ(next.state(subject)->reason, "connection refused");
    EXPECT_LT(next.state(subject)->since - since, std::chrono::seconds(1));
}

TEST_F(CheckerTest, BeginsUpIfSaidSo) {
    Subject subject = fast(closed_port(SOCK_STREAM));
    subject.check.begins_up = true;
    start();

    checker->follow({subject});

    EXPECT_EQ(health(subject), Health::Up);
    EXPECT_TRUE(until([&] { return health(subject) == Health::Down; }));
}

TEST_F(CheckerTest, HoldsTheLastTwentyResultsAndATranscript) {
    const TestServer server(accept_all);
    const Subject subject = fast(server.endpoint());
    start();
    checker->follow({subject});

    ASSERT_TRUE(until([&] { return checker->report(subject)->attempts > 25; }));

    const Report report = *checker->report(subject);
    ASSERT_EQ(report.results.size(), 20U);
    EXPECT_TRUE(std::is_sorted(report.results.begin(), report.results.end(),
                               [](const Past& a, const Past& b) { return a.at < b.at; }));
    EXPECT_EQ(report.results.back().outcome.reason, "connected");
    EXPECT_GT(report.state.response.count(), 0);
}

TEST_F(CheckerTest, APreparedSocketIsTheOneThatConnects) {
    const TestServer server(accept_all);
    Subject subject = fast({*model::Address::parse("192.0.2.1"), 80});
    subject.check.through_service = true;
    subject.through = server.endpoint();
    int mark = 0;
    start({.prepare = [&](int socket, const Subject& prepared) -> Result<void> {
        EXPECT_EQ(prepared, subject);
        socklen_t size = sizeof mark;
        const int wanted = 7;
        ::setsockopt(socket, SOL_SOCKET, SO_PRIORITY, &wanted, sizeof wanted);
        ::getsockopt(socket, SOL_SOCKET, SO_PRIORITY, &mark, &size);
        return {};
    }});

    checker->follow({subject});

    EXPECT_TRUE(until([&] { return health(subject) == Health::Up; }));
    EXPECT_EQ(mark, 7);
}

TEST_F(CheckerTest, WithoutDescriptorsChecksAreLateAndNobodyIsDown) {
    const TestServer server(accept_all);
    const Subject subject = fast(server.endpoint());
    start();
    checker->follow({subject});
    ASSERT_TRUE(until([&] { return health(subject) == Health::Up; }));

    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &none);
    EXPECT_TRUE(until([&] { return !checker->trouble().empty(); }));
    const std::string trouble = checker->trouble();
    ::setrlimit(RLIMIT_NOFILE, &before);

    EXPECT_EQ(trouble, "1 check is late: too many open files");
    EXPECT_EQ(health(subject), Health::Up);
    EXPECT_TRUE(until([&] { return checker->trouble().empty(); }));
    EXPECT_EQ(changes.size(), 1U);
}

TEST_F(CheckerTest, CheckNowAsksOutOfTurn) {
    const TestServer server(accept_all);
    Subject subject = fast(server.endpoint());
    subject.check.interval = std::chrono::hours(1);
    start();
    checker->follow({subject});
    std::string reason;

    EXPECT_TRUE(
        checker->check_now(subject, [&](const Outcome& outcome) { reason = outcome.reason; }));
    EXPECT_TRUE(until([&] { return !reason.empty(); }));

    EXPECT_EQ(reason, "connected");
    EXPECT_EQ(health(subject), Health::Up);
    EXPECT_FALSE(checker->check_now(fast(closed_port(SOCK_STREAM))));
}

TEST(SubjectKey, IsTheSameForEqualSubjectsOnly) {
    const Subject subject = fast({*model::Address::parse("10.0.0.1"), 80});
    EXPECT_EQ(key_of(subject), "10.0.0.1:80 tcp fc0f0b5c33c2e4b2");
    Subject other = subject;
    other.check.fall = 2;
    EXPECT_NE(key_of(other), key_of(subject));
    other = subject;
    model::HttpProbe https;
    https.tls.emplace();
    other.check.probe = https;
    EXPECT_THAT(key_of(other), HasSubstr("10.0.0.1:80 https "));
}

}  // namespace
}  // namespace isobar::health
