// SPDX-License-Identifier: Apache-2.0
#include "load/piranha.h"

#include <gtest/gtest.h>

namespace isobar::load {
namespace {

TEST(Piranha, MovesByTheCubeRootOfWhatIsMissingToALoadOfOne) {
    struct Case {
        model::Weight configured, now;
        double load;
        model::Weight next;
    };
    for (const auto& [configured, now, load, next] : {
             Case{100, 100, 0, 150},      // + W/2
             Case{100, 100, 0.875, 125},  // + W/2 * 0.5
             Case{100, 200, 1, 200},      // as it is meant to be
             Case{100, 200, 2, 150},      // - W/2
             Case{100, 200, 9, 100},      // - W
             Case{100, 110, 9, 110},      // 10 less is no quarter of W
             Case{100, 990, 0, 990},      // nor is 10 more, up to ten times W
             Case{100, 960, 0, 1000},     // which is where it ends
             Case{100, 100, 5, 100},      // never below W
             Case{100, 100, 0.999, 100},  // + 5: no quarter
             Case{1, 1, 0, 1},            // whole weights: half of one is none
             Case{4, 4, 0.5, 5},          // 1.58, cut off
             Case{0, 0, 0, 0},
         }) {
        EXPECT_EQ(Piranha::next(configured, now, load), next)
            << configured << " " << now << " " << load;
    }
}

TEST(Piranha, BeginsAnewWithAServerThatComesBack) {
    Piranha piranha;
    const model::Endpoint server{{}, 80};
    Seen seen{.configured = 100, .reading = Reading{0, {}}, .fresh = true, .trouble = ""};
    piranha.correct({{server, seen}});
    ASSERT_EQ(piranha.correct({{server, seen}}).at(server), (Steered{200, "load 0.00"}));

    seen.serves = false;
    piranha.correct({{server, seen}});
    seen.serves = true;

    EXPECT_EQ(piranha.correct({{server, seen}}).at(server).weight, 150U);
}

TEST(Piranha, ChangesNothingWithoutALoad) {
    Piranha piranha;
    const model::Endpoint server{{}, 80};
    Seen seen{.configured = 100, .reading = Reading{0, {}}, .fresh = true, .trouble = "refused"};
    piranha.correct({{server, seen}});

    seen.fresh = false;
    seen.reading.reset();

    EXPECT_EQ(piranha.correct({{server, seen}}).at(server),
              (Steered{150, "no load known: refused"}));
}

}  // namespace
}  // namespace isobar::load
