// SPDX-License-Identifier: Apache-2.0
#include "scheduling/arrivals.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace isobar::scheduling {
namespace {

using Kind = Length::Kind;

TEST(Arrivals, LengthsAreReadAsTheyAreWritten) {
    EXPECT_EQ((Length{Kind::Fixed, 5, 5}), Length::parse("5s").value());
    EXPECT_EQ((Length{Kind::Exponential, 0.5, 0.5}), Length::parse("exp:500ms").value());
    EXPECT_EQ((Length{Kind::Uniform, 1, 60}), Length::parse("uniform:1s-1m").value());
    for (const char* bad : {"", "5", "exp:", "exp:x", "uniform:5s", "uniform:5s-1s", "normal:5s"})
        EXPECT_EQ(
            std::string("'") + bad + "' is no length of connections: 5s, exp:5s, uniform:1s-10s",
            Length::parse(bad).error().message);
}

TEST(Arrivals, AreAPoissonProcess) {
    Traffic traffic{
        .rate = 1000, .duration = 100, .length = {Kind::Exponential, 2, 2}, .clients = 50};
    auto next = generated(traffic, 7);
    std::set<model::Address> clients;
    std::size_t count = 0;
    Moment last = 0, open = 0, squares = 0;
    while (const auto arrival = next()) {
        EXPECT_LE(last, arrival->begin);
        const Moment pause = arrival->begin - last;
        squares += pause * pause;
        open += arrival->end - arrival->begin;
        last = arrival->begin;
        clients.insert(arrival->client.address);
        ++count;
    }
    EXPECT_NEAR(100000, static_cast<double>(count), 1000);
    EXPECT_NEAR(2, open / static_cast<double>(count), 0.05);
    EXPECT_NEAR(2e-6, squares / static_cast<double>(count), 1e-7) << "pauses are exponential";
    EXPECT_EQ(50U, clients.size());
    EXPECT_EQ("198.18.0.0", clients.begin()->text());

    traffic.family = model::Family::V6;
    EXPECT_EQ(model::Family::V6, generated(traffic, 7)()->client.address.family);
}

TEST(Arrivals, OfARecordingBeginAtZeroInOrder) {
    const auto all = parse_recording(
        "begin,end,client\n"
        "# from the access log\n"
        "\n"
        "1700000002.5,,10.0.0.9:40001\r\n"
        "1700000000,1700000003,[fd00::9]:40000\n");
    ASSERT_TRUE(all) << all.error().message;
    ASSERT_EQ(2U, all->size());
    EXPECT_EQ((Arrival{0, 3, *model::Endpoint::parse("[fd00::9]:40000")}), (*all)[0]);
    EXPECT_EQ((Arrival{2.5, kNever, *model::Endpoint::parse("10.0.0.9:40001")}), (*all)[1]);
}

TEST(Arrivals, OfABadRecordingAreRefusedByLine) {
    const auto wrong = [](std::string_view text) { return parse_recording(text).error().message; };
    EXPECT_EQ(
        "4 bad line(s)\n"
        "  line 1: 'x' is no time\n"
        "  line 3: '1,2' is not BEGIN,END,CLIENT\n"
        "  line 4: '10.0.0.9' is no address:port\n"
        "  line 5: it ends at 2, before it begins",
        wrong("x,1,10.0.0.9:1\n0,1,10.0.0.9:1\n1,2\n1,2,10.0.0.9\n3,2,10.0.0.9:1\n"));
    EXPECT_EQ("there is no connection in it", wrong(""));
    EXPECT_EQ("there is no connection in it", wrong("begin,end,client\n"));
    for (const char* bad :
         {"nan,1,10.0.0.9:1", "inf,1,10.0.0.9:1", "1,2,3,10.0.0.9:1", "1e999,2,10.0.0.9:1"})
        EXPECT_FALSE(parse_recording(bad)) << bad;
    std::string many;
    for (int i = 0; i < 20; ++i) many += "x\n";
    EXPECT_NE(std::string::npos, wrong(many).find("20 bad line(s)"));
    EXPECT_NE(std::string::npos, wrong(many).find("line 10: "));
    EXPECT_EQ(std::string::npos, wrong(many).find("line 11: "));
}

}  // namespace
}  // namespace isobar::scheduling
