// SPDX-License-Identifier: Apache-2.0
#include "api/query.h"

#include <gtest/gtest.h>

namespace isobar::api {
namespace {

TEST(Query, IsReadBackAsItWasWritten) {
    const Query query{{"client", "10.0.0.0/24"}, {"server", "[fd00::1]:80"}, {"name", "a&b=c %é"}};
    EXPECT_EQ(parse_query("/api/v1/connections" + query_text(query)).value(), query);
    EXPECT_EQ(query_text({{"a", "b c"}}), "?a=b%20c");
    EXPECT_EQ(query_text({}), "");
}

TEST(Query, MayBeEmptyAndItsValuesToo) {
    EXPECT_TRUE(parse_query("/x").value().empty());
    EXPECT_TRUE(parse_query("/x?").value().empty());
    EXPECT_EQ(parse_query("/x?a&b=").value(), (Query{{"a", ""}, {"b", ""}}));
}

TEST(Query, WhatIsNoneIsRefused) {
    for (const char* target : {"?a=%", "?a=%4", "?a=%4g", "?%zz=1", "?a=1&a=2"})
        EXPECT_FALSE(parse_query(target)) << target;
}

}  // namespace
}  // namespace isobar::api
