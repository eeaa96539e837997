// SPDX-License-Identifier: Apache-2.0
#include "control/history.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/temporary_folder.h"

namespace isobar::control {
namespace {

Version version(std::string from) {
    return {0, std::chrono::sys_seconds(std::chrono::seconds(60)), "anna", "a \"reason\"",
            std::move(from)};
}

TEST(History, NumbersVersionsAndGivesTheirTextsBack) {
    const TemporaryFolder folder;
    History history(folder.path() / "new");
    ASSERT_TRUE(history.load());
    EXPECT_EQ(history.last(), nullptr);

    ASSERT_TRUE(history.add(version("a.toml"), "one"));
    EXPECT_TRUE(history.unconfirmed());
    ASSERT_TRUE(history.confirm());
    ASSERT_TRUE(history.add(version("b.toml"), "two"));

    History again(folder.path() / "new");
    ASSERT_TRUE(again.load());
    EXPECT_EQ(again.versions(), history.versions());
    EXPECT_TRUE(again.unconfirmed());
    EXPECT_EQ(again.last()->number, 2U);
    EXPECT_EQ(again.before_last()->from, "a.toml");
    EXPECT_EQ(again.text(1).value(), "one");
    EXPECT_EQ(again.text(2).value(), "two");
    EXPECT_EQ(again.text(3).error().fault, Fault::NotFound);
}

TEST(History, AVersionThatCouldNotBeAppliedIsGone) {
    const TemporaryFolder folder;
    History history(folder.path());
    ASSERT_TRUE(history.add(version("a.toml"), "one"));
    ASSERT_TRUE(history.confirm());
    ASSERT_TRUE(history.add(version("b.toml"), "two"));

    ASSERT_TRUE(history.drop_last(false));

    EXPECT_FALSE(history.unconfirmed());
    EXPECT_EQ(history.last()->from, "a.toml");
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "versions/2.toml"));
}

TEST(History, KeepsTheLastFifty) {
    const TemporaryFolder folder;
    History history(folder.path());

    for (int i = 1; i <= 53; ++i) ASSERT_TRUE(history.add(version("x"), std::to_string(i)));

    EXPECT_EQ(history.versions().size(), 50U);
    EXPECT_EQ(history.versions().front().number, 4U);
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "versions/3.toml"));
    EXPECT_EQ(history.text(53).value(), "53");
}

TEST(History, ThatIsDamagedIsPutAsideAndOverwritesNothing) {
    const TemporaryFolder folder;
    History history(folder.path());
    ASSERT_TRUE(history.add(version("a.toml"), "one"));
    std::ofstream(folder.path() / "versions/index.json") << "{";

    History next(folder.path());
    EXPECT_FALSE(next.load());
    EXPECT_EQ(next.last(), nullptr);
    ASSERT_TRUE(next.add(version("b.toml"), "two"));

    EXPECT_EQ(next.last()->number, 2U);
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "versions/1.toml"));
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "versions/index.json.damaged"));
}

TEST(History, IsReadAtNoLengthButTheWhole) {
    const std::string whole = history_text({{version("a")}, true});
    ASSERT_TRUE(parse_history(whole));
    for (std::size_t length = 0; length + 2 < whole.size(); ++length)
        EXPECT_FALSE(parse_history(whole.substr(0, length))) << length;
    EXPECT_FALSE(parse_history(history_text({{version("a"), version("b")}, true})));
    EXPECT_EQ(parse_history(R"({"version":2})").error().fault, Fault::Unsupported);
}

TEST(History, WithoutRoomOnTheDiskStaysAsItIs) {
    const TemporaryFolder folder;
    std::ofstream(folder.path() / "versions") << "a file where the folder should be";
    History history(folder.path());

    EXPECT_FALSE(history.add(version("a.toml"), "one"));

    EXPECT_EQ(history.last(), nullptr);
}

TEST(History, RemembersTheOperatorsFile) {
    const TemporaryFolder folder;
    const History history(folder.path());
    EXPECT_EQ(history.file_text(), std::nullopt);

    ASSERT_TRUE(history.remember_file("text"));

    EXPECT_EQ(history.file_text(), "text");
}

}  // namespace
}  // namespace isobar::control
