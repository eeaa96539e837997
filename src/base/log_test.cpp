// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>

#include "base/fd.h"

namespace isobar::log {
namespace {

TEST(Log, PlainLinesLabelWhatNeedsAttention) {
    EXPECT_EQ(line(Style::Plain, Level::Error, "no such file"), "error: no such file\n");
    EXPECT_EQ(line(Style::Plain, Level::Warning, "late"), "warning: late\n");
    EXPECT_EQ(line(Style::Plain, Level::Info, "ready"), "ready\n");
}

TEST(Log, JournalLinesCarryTheLevelOfSyslog) {
    EXPECT_EQ(line(Style::Journal, Level::Error, "broken"), "<3>broken\n");
    EXPECT_EQ(line(Style::Journal, Level::Debug, "detail"), "<7>detail\n");
}

TEST(Log, EveryLineOfAMessageHasThePrefix) {
    EXPECT_EQ(line(Style::Journal, Level::Error, "a.toml:1:1: error: x\n  key\n  ^\n"),
              "<3>a.toml:1:1: error: x\n<3>  key\n<3>  ^\n");
}

TEST(Log, ControlCharactersAreWrittenOut) {
    EXPECT_EQ(line(Style::Journal, Level::Info, "peer says \x1b[2J"), "<6>peer says \\x1b[2J\n");
    EXPECT_EQ(line(Style::Plain, Level::Info, ""), "\n");
}

TEST(Log, StderrIsTheJournalOnlyIfItIsThatVeryStream) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const Fd reader(ends[0]);
    const Fd writer(ends[1]);
    struct stat status{};
    ASSERT_EQ(::fstat(writer.get(), &status), 0);
    const std::string here = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);

    EXPECT_EQ(style_of(writer.get(), here.c_str(), nullptr), Style::Journal);
    EXPECT_EQ(style_of(writer.get(), "1:1", "id"), Style::Plain);
    EXPECT_EQ(style_of(writer.get(), nullptr, "id"), Style::Journal);
    EXPECT_EQ(style_of(writer.get(), nullptr, nullptr), Style::Plain);
}

TEST(Log, LevelsBelowTheOneSetAreSilent) {
    set_level(Level::Warning);
    EXPECT_TRUE(enabled(Level::Error));
    EXPECT_TRUE(enabled(Level::Warning));
    EXPECT_FALSE(enabled(Level::Info));
    set_level(Level::Info);
    EXPECT_TRUE(enabled(Level::Info));
    EXPECT_FALSE(enabled(Level::Debug));
}

TEST(Log, LevelsAreNamed) {
    for (const char* text : {"error", "warning", "notice", "info", "debug"}) {
        ASSERT_TRUE(level_named(text)) << text;
        EXPECT_EQ(name(*level_named(text)), text);
    }
    EXPECT_FALSE(level_named("loud"));
}

TEST(Log, MessagesGoToStderr) {
    testing::internal::CaptureStderr();

    info("ready");

    EXPECT_NE(testing::internal::GetCapturedStderr().find("ready\n"), std::string::npos);
}

}  // namespace
}  // namespace isobar::log
