// SPDX-License-Identifier: Apache-2.0
#include "control/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobar::control {
namespace {

using testing::ElementsAre;

std::vector<std::string> said;

void say(std::string_view line) {
    said.emplace_back(line);
}

Event applied(int number) {
    return {Event::Kind::Applied, "", "", std::to_string(number)};
}

std::vector<std::string> texts(const std::vector<Event>& events) {
    std::vector<std::string> texts;
    for (const Event& event : events) texts.push_back(event.text);
    return texts;
}

TEST(EventLog, KeepsWhatItSaysInTheLog) {
    said.clear();
    EventLog log;
    log.note(say, {Event::Kind::Down, "web", "10.1.1.1:80", "down: refused"});
    log.note(say, {Event::Kind::Wish, "web", "10.1.1.1:80", "drain by anna"});
    log.note(say, {Event::Kind::Quorum, "web", "", "lost its quorum"});

    EXPECT_THAT(said,
                ElementsAre("web: server 10.1.1.1:80 down: refused",
                            "web: server 10.1.1.1:80: drain by anna", "web: lost its quorum"));
    EXPECT_THAT(texts(log.after(1, 9)), ElementsAre("drain by anna", "lost its quorum"));
}

TEST(EventLog, GivesTheLastOnesOrThoseBehindOne) {
    EventLog log;
    for (int i = 1; i <= 5; ++i) log.note(say, applied(i));

    EXPECT_THAT(texts(log.after({}, 2)), ElementsAre("4", "5"));
    EXPECT_THAT(texts(log.after(2, 2)), ElementsAre("3", "4"));
    EXPECT_THAT(log.after(5, 2), ElementsAre());
    EXPECT_EQ(log.after(6, 9).size(), 5U) << "of an isobard before this one";
    EXPECT_TRUE(EventLog().after({}, 9).empty());
}

TEST(EventLog, ForgetsTheOldest) {
    EventLog log;
    for (int i = 1; i <= 1002; ++i) log.note(say, applied(i));
    EXPECT_EQ(log.after(0, 2000).size(), EventLog::kKept);
    EXPECT_EQ(log.after(0, 1)[0].text, "3");
}

TEST(EventLog, CallsWhoeverWaitsOnce) {
    EventLog log;
    int told = 0;
    log.wait([&] { ++told; });
    EXPECT_EQ(told, 0);
    log.note(say, applied(1));
    log.note(say, applied(2));
    EXPECT_EQ(told, 1);
    for (int i = 0; i < 1000; ++i) log.wait([&] { ++told; });
    log.note(say, applied(3));
    EXPECT_EQ(told, 1 + 256);
}

}  // namespace
}  // namespace isobar::control
