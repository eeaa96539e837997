// SPDX-License-Identifier: Apache-2.0
#include "isobar/top_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace isobar::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(TopCommand, TheBusiestServerStandsFirstAndNoLineIsWiderThanTheScreen) {
    api::Status status;
    status.program = "isobard 0.1.0";
    status.connections_used = 12;
    status.connections_size = 1024;
    api::ServiceView web;
    web.name = "web";
    web.status.key = {model::Protocol::Tcp, *model::Endpoint::parse("10.0.0.2:80")};
    for (const auto& [address, active] :
         {std::pair("10.1.1.1:80", 3U), std::pair("10.1.1.2:80", 9U)}) {
        model::ServerStatus server;
        server.server = {*model::Endpoint::parse(address), 1};
        server.active = active;
        web.status.servers.push_back(server);
    }
    status.services = {web};

    const std::string text = top_text(status, SortBy::Active, 40, Colours::Off);

    const auto lines = split(text, '\n');
    EXPECT_THAT(std::string(lines.at(0)), StartsWith("isobard 0.1.0: connections 12 of 1024;"));
    EXPECT_THAT(std::string(lines.at(2)), HasSubstr("10.1.1.2:80"));
    for (const auto line : lines) EXPECT_LE(line.size(), 39U + std::string("…").size()) << line;
}

}  // namespace
}  // namespace isobar::cli
