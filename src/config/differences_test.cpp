// SPDX-License-Identifier: Apache-2.0
#include "config/differences.h"

#include <gtest/gtest.h>

#include <ostream>

#include "config/load.h"

namespace isobar::config {

std::ostream& operator<<(std::ostream& out, const Difference& each) {
    return out << name(each.step) << " [" << each.where << "] " << each.key << ": " << each.before
               << " -> " << each.after;
}

namespace {

std::string web(const std::string& rest) {
    return "[[service]]\nname = \"web\"\nlisten = [\"10.0.0.2:80/tcp\"]\n" + rest + "\n";
}

std::vector<Difference> between(const std::string& before, const std::string& after) {
    for (const auto& text : {before, after})
        EXPECT_TRUE(parse(text, "test").config) << text << parse(text, "test").errors[0].text();
    return differences(before, after);
}

using Found = std::vector<Difference>;

TEST(Differences, AreTheKeysThatSayOtherwise) {
    const std::string before = web("scheduler = \"wlc\"\nservers = [{ address = \"10.1.1.1\" }]");
    const std::string after =
        web("scheduler = \"rr\"\nservers = [{ address = \"10.1.1.1\", weight = 3 }]");

    EXPECT_EQ(between(before, after),
              (Found{{Step::Changed, "service web", "scheduler", "\"wlc\"", "\"rr\""},
                     {Step::Changed, "service web", "server 10.1.1.1 weight", "1", "3"}}));
}

TEST(Differences, AreNoneWhereTheSameIsMeant) {
    const std::string brief = web(R"(servers = [{ address = "10.1.1.1" }, { address = "10.1.1.2" }]
        persistence = { timeout = "60s" }
        slow_start = "60s")");
    const std::string lengthy = "# a word\n[director]\nhook = \"auto\"\n" + web(R"(scheduler = "wlc"
        forward = "nat"
        quorum_hysteresis = 0
        slow_start = "1m"
        persistence = { timeout = "1m" }
        servers = [{ address = "10.1.1.2", weight = 1 }, { address = "10.1.1.1" }])");

    EXPECT_EQ(between(brief, lengthy), Found{});
    EXPECT_EQ(between(lengthy, brief), Found{});
}

TEST(Differences, OfWhatOnlyOneHas) {
    const std::string mail = "[[service]]\nname = \"mail\"\nlisten = [\"10.0.0.2:25/tcp\"]\n";
    const std::string nat = "[[masquerade]]\nfrom = \"192.168.10.0/24\"\nout = \"eth0\"\n";
    const std::string one = web("servers = [{ address = \"10.1.1.1\" }]");
    const std::string other = web("servers = [{ address = \"10.1.1.2\", weight = 2 }]\n"
                                  "persistence = { mask = 24 }") +
                              mail + nat;

    EXPECT_EQ(
        between(one, other),
        (Found{{Step::Removed, "service web", "server 10.1.1.1", "{ address = \"10.1.1.1\" }", ""},
               {Step::Added, "service web", "server 10.1.1.2", "",
                "{ address = \"10.1.1.2\", weight = 2 }"},
               {Step::Changed, "service web", "persistence", "none", "{ mask = 24 }"},
               {Step::Added, "service mail", "", "",
                "{ name = \"mail\", listen = [\"10.0.0.2:25/tcp\"] }"},
               {Step::Added, "masquerade 192.168.10.0/24 out eth0", "", "",
                "{ from = \"192.168.10.0/24\", out = \"eth0\" }"}}));
    EXPECT_EQ(between(other, one).size(), 5U);
}

TEST(Differences, OfChecksAndOfTheDirector) {
    const std::string before = web("check = { type = \"http\", interval = \"5s\" }");
    const std::string after =
        "[director]\ntimeouts = { tcp = \"10m\" }\ninterfaces = [\"eth0\"]\n" +
        web("check = [{ type = \"http\", interval = \"10s\" }, "
            "{ type = \"ping\" }]");

    EXPECT_EQ(between(before, after),
              (Found{{Step::Added, "director", "interface eth0", "", "\"eth0\""},
                     {Step::Changed, "director", "timeouts", "none", "{ tcp = \"10m\" }"},
                     {Step::Changed, "service web", "check 1 interval", "\"5s\"", "\"10s\""},
                     {Step::Added, "service web", "check 2", "", "{ type = \"ping\" }"}}));
}

TEST(Differences, OfATextThatIsNoConfigurationAreAll) {
    EXPECT_EQ(differences("\xff\xff = [[[", web("")).size(), 1U);
    EXPECT_EQ(differences("", web("")).size(), 1U);
    EXPECT_EQ(differences("", ""), Found{});
}

}  // namespace
}  // namespace isobar::config
