// SPDX-License-Identifier: Apache-2.0
#include "control/wishes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/temporary_folder.h"

namespace isobar::control {
namespace {

model::Endpoint endpoint(const char* text) {
    return model::Endpoint::parse(text).value();
}

// web on port 80: one server by the service's port, two ports of another.
model::Config some_config() {
    model::ServiceConfig web;
    web.name = "web";
    web.listen = {model::ServiceKey{model::Protocol::Tcp, endpoint("10.0.0.2:80")}};
    for (const char* address : {"10.1.1.1:0", "10.1.1.2:81", "10.1.1.2:82"})
        web.servers.emplace_back(model::RealServer{endpoint(address)});
    model::Config config;
    config.services = {web};
    return config;
}

OperatorWish drained() {
    OperatorWish wish{Wish::Drain, 7, "anna", "disk \"a\"", {}};
    wish.at = std::chrono::sys_seconds(std::chrono::seconds(60));
    return wish;
}

TEST(Wishes, MeanTheServerOfThatAddressAndPort) {
    const auto config = some_config();
    const auto found = [&](const char* service, const char* server) {
        return find_server(config, service, endpoint(server));
    };

    EXPECT_EQ(found("web", "10.1.1.1:0").value().second, endpoint("10.1.1.1:0"));
    EXPECT_EQ(found("web", "10.1.1.1:80").value().second, endpoint("10.1.1.1:0"));
    EXPECT_EQ(found("web", "10.1.1.2:82").value().second, endpoint("10.1.1.2:82"));
    EXPECT_EQ(found("wob", "10.1.1.1:0").error().message, "there is no service 'wob'");
    EXPECT_EQ(found("web", "10.1.1.1:81").error().message,
              "the service 'web' has no server 10.1.1.1:81");
    EXPECT_EQ(found("web", "10.1.1.2:0").error().message,
              "the service 'web' has 2 servers 10.1.1.2: which port?");
    EXPECT_EQ(found("web", "10.1.1.2:0").error().fault, Fault::Invalid);
}

TEST(Wishes, BecomeConditionsOfServersThatThereAre) {
    const Wishes wishes{{{"web", endpoint("10.1.1.1:0")}, drained()},
                        {{"gone", endpoint("10.1.1.1:0")}, drained()}};
    Conditions conditions;

    add_wishes(wishes, some_config(), conditions);

    ASSERT_EQ(conditions.servers.size(), 1U);
    const auto& condition = conditions.of("web", endpoint("10.1.1.1:0"));
    EXPECT_EQ(condition.wish, Wish::Drain);
    EXPECT_EQ(condition.wished_weight, 7U);
    EXPECT_EQ(condition.wished_by, "anna, 1970-01-01 00:01 UTC, disk \"a\"");
}

TEST(Wishes, ADrainEndsWhenItsTimeIsUp) {
    const auto second = [](int n) { return std::chrono::sys_seconds(std::chrono::seconds(n)); };
    const auto drain = [&](int until, Afterwards afterwards) {
        OperatorWish wish = drained();
        wish.until = second(until);
        wish.afterwards = afterwards;
        return wish;
    };
    const ServerName waits{"web", endpoint("10.1.1.1:0")}, resets{"web", endpoint("10.1.1.2:0")};
    Wishes wishes{{waits, drain(100, Afterwards::Wait)}, {resets, drain(100, Afterwards::Reset)}};
    Conditions conditions;
    add_wishes(wishes, some_config(), conditions);
    EXPECT_EQ(conditions.of("web", endpoint("10.1.1.1:0")).wished_by,
              "anna, 1970-01-01 00:01 UTC, disk \"a\"; until 00:01:40, then wait");
    EXPECT_EQ(parse_wishes(wishes_text(wishes)).value(), wishes);

    EXPECT_TRUE(end_drains(wishes, second(99)).empty());
    EXPECT_EQ(end_drains(wishes, second(100)), (std::vector<ServerName>{waits, resets}));

    EXPECT_EQ(wishes.at(waits).wish, Wish::Drain);
    EXPECT_EQ(wishes.at(resets).wish, Wish::Maintenance);
    EXPECT_TRUE(end_drains(wishes, second(200)).empty()) << "once";
}

TEST(WishFile, GivesBackWhatWasStored) {
    const TemporaryFolder folder;
    const WishFile file(folder.path() / "new");
    EXPECT_EQ(file.load().value(), Wishes{});
    const Wishes wishes{{{"web", endpoint("[fd00::1]:80")}, drained()},
                        {{"web", endpoint("10.1.1.1:0")}, {Wish::ForceUp, {}, "b", "", {}}}};

    ASSERT_TRUE(file.store(wishes));

    EXPECT_EQ(file.load().value(), wishes);
    struct stat status{};
    ASSERT_EQ(::stat((folder.path() / "new" / "wishes.json").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(WishFile, ThatWasDamagedIsAnErrorAtEveryLength) {
    const std::string whole = wishes_text({{{"web", endpoint("10.1.1.1:80")}, drained()}});
    for (std::size_t length = 0; length + 2 < whole.size(); ++length)
        EXPECT_FALSE(parse_wishes(whole.substr(0, length))) << length;
    EXPECT_EQ(parse_wishes(R"({"version":2,"wishes":[]})").error().fault, Fault::Unsupported);
    EXPECT_FALSE(parse_wishes(R"({"version":1,"wishes":[{"service":"a"}]})"));
}

}  // namespace
}  // namespace isobar::control
