// SPDX-License-Identifier: Apache-2.0
#include "control/masquerade.h"

#include <gtest/gtest.h>

#include <vector>

namespace isobar::control {
namespace {

model::MasqueradeConfig masquerade(const char* from, const char* out) {
    return {model::Network::parse(from).value(), out};
}

TEST(MasqueradeRuleset, ReplacesTheWholeTableInOneTransaction) {
    const std::vector masquerades{masquerade("192.168.10.0/24", "eth0"),
                                  masquerade("192.168.20.0/24", "wan.7")};

    EXPECT_EQ(masquerade_ruleset(masquerades).value(),
              "table ip isobar\n"
              "delete table ip isobar\n"
              "table ip isobar {\n"
              "\tchain postrouting {\n"
              "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
              "\t\tip saddr 192.168.10.0/24 oifname \"eth0\" masquerade\n"
              "\t\tip saddr 192.168.20.0/24 oifname \"wan.7\" masquerade\n"
              "\t}\n"
              "}\n");
}

TEST(MasqueradeRuleset, NothingToMasqueradeRemovesTheTable) {
    EXPECT_EQ(masquerade_ruleset({}).value(), "table ip isobar\ndelete table ip isobar\n");
}

TEST(MasqueradeRuleset, RefusesNamesThatWouldBreakOutOfTheQuotes) {
    for (const char* name :
         {"", "eth0\" accept; #", "eth0\n", "eth*", "a\\b", "a b", "sixteen-letters!", "a/b"}) {
        const std::vector masquerades{masquerade("192.168.10.0/24", name)};

        const auto ruleset = masquerade_ruleset(masquerades);

        ASSERT_FALSE(ruleset.has_value()) << name;
        EXPECT_EQ(ruleset.error().fault, Fault::Invalid) << name;
    }
}

TEST(MasqueradeRuleset, RefusesIpv6) {
    const std::vector masquerades{masquerade("fd00::/64", "eth0")};

    EXPECT_EQ(masquerade_ruleset(masquerades).error().fault, Fault::Unsupported);
}

}  // namespace
}  // namespace isobar::control
