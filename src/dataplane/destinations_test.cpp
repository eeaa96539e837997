// SPDX-License-Identifier: Apache-2.0
#include "dataplane/destinations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>

namespace isobar::dataplane {
namespace {

using Servers = std::set<std::uint32_t>;

isobar_destination destination(std::uint32_t cache, std::initializer_list<std::uint16_t> servers) {
    isobar_destination made{};
    made.cache = cache;
    made.count = static_cast<std::uint32_t>(servers.size());
    std::ranges::copy(servers, std::begin(made.server));
    return made;
}

TEST(Destinations, KnowTheServersOfTheCachesThatAreAskedFor) {
    const isobar_destination all[] = {destination(7, {1, 2}), destination(8, {3}),
                                      destination(9, {4}), destination(7, {2, 5})};

    EXPECT_EQ(known_servers(all, {7, 9}), (Servers{1, 2, 4, 5}));
    EXPECT_EQ(known_servers(all, {}), Servers{});
}

TEST(Destinations, AreForgottenWithOneOfTheirServers) {
    isobar_destination all[] = {destination(7, {1, 2}), destination(8, {3}), destination(7, {2})};
    all[1].server[1] = 1;  // beyond its count

    forget_servers(all, {1});

    EXPECT_EQ(known_servers(all, {7, 8}), (Servers{2, 3}));
    EXPECT_EQ(all[0].cache, 0U);
}

TEST(Destinations, BelongToTwoSchedulersOnly) {
    EXPECT_TRUE(has_destinations(model::Scheduler::Lblc));
    EXPECT_TRUE(has_destinations(model::Scheduler::Lblcr));
    EXPECT_FALSE(has_destinations(model::Scheduler::Wlc));
}

}  // namespace
}  // namespace isobar::dataplane
