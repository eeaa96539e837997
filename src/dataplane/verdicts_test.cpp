// SPDX-License-Identifier: Apache-2.0
#include "dataplane/verdicts.h"

#include <gtest/gtest.h>

#include "abi/verdicts.h"

namespace isobar::dataplane {
namespace {

TEST(Verdicts, AreKnownByTheirNames) {
    EXPECT_EQ(verdict_named("forwarded"), std::size_t{ISOBAR_FORWARDED});
    EXPECT_EQ(verdict_named("internal"), std::size_t{ISOBAR_INTERNAL});
    EXPECT_FALSE(verdict_named("FORWARDED"));
    EXPECT_EQ(verdicts().size(), std::size_t{ISOBAR_VERDICTS});
    EXPECT_EQ(verdicts()[ISOBAR_NOT_OURS].name, "not_ours");
}

TEST(Verdicts, LostIsWhatHasNotGotThrough) {
    for (const auto verdict : {ISOBAR_NO_SERVER, ISOBAR_TABLE_FULL, ISOBAR_NO_CONNECTION,
                               ISOBAR_TOO_BIG, ISOBAR_FORWARDING_OFF, ISOBAR_SERVER_REMOVED}) {
        EXPECT_TRUE(verdicts()[verdict].lost) << verdicts()[verdict].name;
        EXPECT_NE(lost_verdicts() >> verdict & 1, 0U);
    }
    for (const auto verdict :
         {ISOBAR_FORWARDED, ISOBAR_TO_TC, ISOBAR_NOT_OURS, ISOBAR_FRAGMENT_HELD, ISOBAR_TO_SELF})
        EXPECT_FALSE(verdicts()[verdict].lost) << verdicts()[verdict].name;
    EXPECT_EQ(usual_verdicts() >> ISOBAR_TO_TC & 1, 0U);
    EXPECT_EQ(usual_verdicts() >> ISOBAR_NO_SERVER & 1, 1U);
}

}  // namespace
}  // namespace isobar::dataplane
