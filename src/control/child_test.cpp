// SPDX-License-Identifier: Apache-2.0
#include "control/child.h"

#include <gtest/gtest.h>

namespace isobar::control {
namespace {

constexpr std::chrono::seconds kLong{20};

TEST(RunChild, HandsInputOverAndReturnsWhatItComplains) {
    const auto exit = run_child({"sh", "-c", "cat >&2; exit 3"}, "two\nlines\n", kLong);

    ASSERT_TRUE(exit.has_value()) << exit.error().message;
    EXPECT_EQ(exit->status, 3);
    EXPECT_EQ(exit->errors, "two\nlines");
}

TEST(RunChild, ArgumentsAreNotForAShell) {
    const auto exit = run_child({"test", "$(exit 1); *", "=", "$(exit 1); *"}, "", kLong);

    ASSERT_TRUE(exit.has_value()) << exit.error().message;
    EXPECT_EQ(exit->status, 0);
}

TEST(RunChild, MissingProgramIsNotFound) {
    const auto exit = run_child({"isobar-no-such-program"}, "", kLong);

    ASSERT_FALSE(exit.has_value());
    EXPECT_EQ(exit.error().fault, Fault::NotFound);
}

TEST(RunChild, EndsOneThatTakesTooLong) {
    const auto exit = run_child({"sleep", "60"}, "", std::chrono::milliseconds(50));

    ASSERT_FALSE(exit.has_value());
    EXPECT_EQ(exit.error().fault, Fault::System);
}

TEST(RunChild, MoreInputThanAPipeHoldsToAProgramThatDoesNotRead) {
    const auto exit = run_child({"true"}, std::string(1 << 20, 'x'), kLong);

    ASSERT_TRUE(exit.has_value()) << exit.error().message;
    EXPECT_EQ(exit->status, 0);
}

TEST(RunChild, KilledBySignalIs128AndItsNumber) {
    const auto exit = run_child({"sh", "-c", "kill -9 $$"}, "", kLong);

    ASSERT_TRUE(exit.has_value()) << exit.error().message;
    EXPECT_EQ(exit->status, 137);
}

}  // namespace
}  // namespace isobar::control
