// SPDX-License-Identifier: Apache-2.0
#include "control/probe_services.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "control/plan.h"

namespace isobar::control {
namespace {

model::Endpoint endpoint(const std::string& text) {
    return *model::Endpoint::parse(text);
}

model::ServiceConfig service(const std::string& name, const std::vector<std::string>& servers) {
    model::ServiceConfig made;
    made.name = name;
    made.listen = {model::ServiceKey{model::Protocol::Tcp, endpoint("10.0.0.2:80")}};
    made.persistence = model::Persistence{};
    model::Check check;
    check.through_service = true;
    for (const std::string& address : servers) {
        model::ServerConfig server(model::RealServer{endpoint(address)});
        server.method = model::ForwardingMethod::Dr;
        server.weight = 0;
        server.upper_threshold = 5;
        server.checks = {model::Check{}, check};
        made.servers.push_back(server);
    }
    return made;
}

model::Config config(std::vector<model::ServiceConfig> services) {
    model::Config made;
    made.services = std::move(services);
    return made;
}

TEST(ProbeServices, LeadToOneServerEachAsTheirServiceDoes) {
    const auto all = probe_services(config({service("web", {"10.1.1.1:0", "10.1.1.2:0"})}));

    ASSERT_EQ(all.size(), 2U);
    EXPECT_TRUE(model::is_probe(all[0].key));
    EXPECT_NE(all[0].key, all[1].key);
    EXPECT_FALSE(all[0].persistence);
    ASSERT_EQ(all[0].servers.size(), 1U);
    const model::RealServer& server = all[0].servers[0];
    EXPECT_EQ(server.address, endpoint("10.1.1.1:80"));
    EXPECT_EQ(server.method, model::ForwardingMethod::Dr);
    EXPECT_EQ(server.weight, 1U) << "also of a server that gets nothing";
    EXPECT_EQ(server.upper_threshold, 0U);
}

TEST(ProbeServices, AreOnlyForWhomIsCheckedThatWay) {
    auto web = service("web", {"10.1.1.1:80", "10.1.1.2:80", "10.1.1.3:80"});
    web.servers[0].checks = {model::Check{}};
    web.servers[1].enabled = false;
    auto off = service("off", {"10.1.1.1:80"});
    off.enabled = false;

    const auto marks = probe_marks(config({web, off}));

    ASSERT_EQ(marks.size(), 1U);
    EXPECT_EQ(marks.begin()->first, ServerName("web", endpoint("10.1.1.3:80")));
}

TEST(ProbeServices, KeepTheirMarksWhenOthersComeAndGo) {
    const auto before = probe_marks(config({service("web", {"10.1.1.1:80", "10.1.1.2:80"})}));
    const auto after = probe_marks(
        config({service("new", {"10.1.1.2:80"}), service("web", {"10.1.1.2:80", "10.1.1.9:80"})}));

    const ServerName kept{"web", endpoint("10.1.1.2:80")};
    EXPECT_EQ(before.at(kept), after.at(kept));
}

TEST(ProbeServices, HaveAMarkOfTheirOwnEachAlsoWhereHashesMeet) {
    std::vector<std::string> servers;
    for (int i = 0; i < 200; ++i)
        for (int j = 1; j < 251; ++j) servers.push_back(fmt::format("10.1.{}.{}:80", i, j));

    std::set<std::uint32_t> marks;
    for (const auto& [name, mark] : probe_marks(config({service("web", servers)}))) {
        EXPECT_GE(mark, model::kFirstProbeMark);
        marks.insert(mark);
    }
    EXPECT_EQ(marks.size(), servers.size());
}

TEST(ProbeServices, AreInThePlan) {
    const auto wanted = plan(config({service("web", {"10.1.1.1:80"})}));

    ASSERT_EQ(wanted.services.size(), 2U);
    EXPECT_EQ(wanted.services[0].key.mark, 0U);
    EXPECT_TRUE(model::is_probe(wanted.services[1].key));
}

TEST(ProbeServices, NoGroupHasTheirMarks) {
    for (int i = 0; i < 10'000; ++i) {
        const auto mark = model::group_mark(std::to_string(i));
        EXPECT_GE(mark, model::kFirstGroupMark);
        EXPECT_LT(mark, model::kFirstProbeMark);
    }
}

}  // namespace
}  // namespace isobar::control
