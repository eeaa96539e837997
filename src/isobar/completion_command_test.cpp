// SPDX-License-Identifier: Apache-2.0
#include "isobar/completion_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isobar::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

api::Status some_status() {
    api::Status status;
    for (const char* name : {"web", "mail", ""}) {
        api::ServiceView service;
        service.name = name;
        service.standings.resize(2);
        service.standings[0].address = *model::Endpoint::parse("10.1.1.1:80");
        service.standings[1].address =
            *model::Endpoint::parse(service.name == "web" ? "10.1.1.2:80" : "10.1.1.1:81");
        status.services.push_back(service);
    }
    return status;
}

std::vector<std::string> complete(const std::vector<std::string>& words, bool runs = true) {
    const auto status = some_status();
    return candidates(wanted_word(words), words.back(), runs ? &status : nullptr);
}

TEST(Completion, OfCommandsAndOptionsByTheTables) {
    EXPECT_THAT(complete({"s"}), ElementsAre("servers", "services", "simulate", "status"));
    EXPECT_THAT(complete({"--socket", "x", "dr"}), ElementsAre("drain"));
    EXPECT_THAT(complete({"help", "dr"}), ElementsAre("drain"));
    EXPECT_THAT(complete({"disable", "--w"}), ElementsAre("--why"));
    EXPECT_THAT(complete({"conns", "--"}), Contains("--client"));
    EXPECT_THAT(complete({"status", "--"}), Not(Contains("--client")));
    EXPECT_THAT(complete({"servers", "--sort", "in"}), ElementsAre("in", "inactive"));
    EXPECT_THAT(complete({"conns", "--top", "s"}), ElementsAre("server", "service"));
    EXPECT_THAT(complete({"simulate", "--scheduler", "wl"}), ElementsAre("wlc"));
    EXPECT_THAT(complete({"explain", "u"}), ElementsAre("udp"));
    EXPECT_THAT(complete({"explain", "--m"}), ElementsAre("--mark"));
    EXPECT_THAT(complete({"trace", "--verdict", "forw"}),
                ElementsAre("forwarded", "forwarding_off"));
    EXPECT_THAT(complete({"completion", ""}), ElementsAre("bash", "fish", "zsh"));
    EXPECT_THAT(complete({"dance", ""}), IsEmpty());
    EXPECT_THAT(complete({"import", ""}), IsEmpty()) << "the shell knows files";
}

TEST(Completion, OfServicesAndServersByTheDirector) {
    EXPECT_THAT(complete({"drain", ""}), ElementsAre("mail", "web"));
    EXPECT_THAT(complete({"drain", "web", ""}), ElementsAre("10.1.1.1", "10.1.1.2"));
    EXPECT_THAT(complete({"check", "mail", "10"}), ElementsAre("10.1.1.1:80", "10.1.1.1:81"));
    EXPECT_THAT(complete({"drain", "--why", "disk", "web", "10.1.1.2"}), ElementsAre("10.1.1.2"));
    EXPECT_THAT(complete({"conns", "--service", "w"}), ElementsAre("web"));
    EXPECT_THAT(complete({"conns", "--service", "web", "--server", ""}),
                ElementsAre("10.1.1.1", "10.1.1.2"));
    EXPECT_THAT(complete({"weight", "web", "10.1.1.1", ""}), IsEmpty());
    EXPECT_THAT(complete({"drain", ""}, false), IsEmpty()) << "it does not run";
    EXPECT_EQ(wanted_word({"--socket", "x", "drain", ""}).socket, "x");
}

}  // namespace
}  // namespace isobar::cli
