// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostic.h"

#include <gtest/gtest.h>

#include "config/source.h"

namespace isobar::config {
namespace {

TEST(Diagnostic, ShowsThePlaceTheLineACaretAndAHint) {
    const Source source("isobar.toml", "[[service]]\nname = \"web\"\nwieght = 1\n");

    const Diagnostic unknown = source.at({3, 1}, "unknown key 'wieght'", "did you mean 'weight'?");

    EXPECT_EQ(unknown.text(),
              "isobar.toml:3:1: error: unknown key 'wieght'\n"
              "    wieght = 1\n"
              "    ^\n"
              "  hint: did you mean 'weight'?");
}

TEST(Diagnostic, ANoteIsCalledOne) {
    Diagnostic note = Source("lvs.cf", "primary = 10.0.0.1\n").at({1, 1}, "comes with failover");
    note.severity = Severity::Note;

    EXPECT_EQ(note.text(),
              "lvs.cf:1:1: note: comes with failover\n"
              "    primary = 10.0.0.1\n"
              "    ^");
}

TEST(Diagnostic, OfAWholeFileHasNoLine) {
    Diagnostic missing;
    missing.file = "/etc/isobar/isobar.toml";
    missing.message = "cannot open: No such file or directory";

    EXPECT_EQ(missing.text(),
              "/etc/isobar/isobar.toml: error: cannot open: No such file or directory");
}

TEST(Diagnostic, CaretCountsCharactersAndTabsAreOne) {
    const Source source("f", "\tnäme = x");

    const Diagnostic wrong = source.at({1, 9}, "no quotes");

    EXPECT_EQ(wrong.source_line, " näme = x");
    EXPECT_EQ(wrong.caret, 9U);
    EXPECT_EQ(wrong.text(),
              "f:1:9: error: no quotes\n"
              "     näme = x\n"
              "            ^");
}

TEST(Diagnostic, OfALongLineShowsThePartAroundTheColumn) {
    const std::string line = std::string(500, 'a') + "!" + std::string(500, 'b');
    const Source source("f", line);

    const Diagnostic wrong = source.at({1, 501}, "here");

    EXPECT_EQ(wrong.column, 501U);
    EXPECT_EQ(wrong.source_line.size(), 120U);
    EXPECT_EQ(wrong.source_line[wrong.caret - 1], '!');
}

TEST(Diagnostic, OfAnEndlessLineShowsNoLine) {
    const std::string line(100000, 'a');
    const Source source("f", line);

    EXPECT_EQ(source.at({1, 5}, "here").text(), "f:1:5: error: here");
}

TEST(Diagnostic, NeverSendsControlCharactersToATerminal) {
    const Source source("a\nb", "x = \x1b[2J\xff\u202e!");

    const Diagnostic wrong = source.at({1, 5}, "here");

    EXPECT_EQ(wrong.source_line, "x = ?[2J?\?!");
    EXPECT_TRUE(wrong.text().starts_with("a\\nb:1:5: error: here\n")) << wrong.text();
}

}  // namespace
}  // namespace isobar::config
