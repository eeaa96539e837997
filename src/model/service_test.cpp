// SPDX-License-Identifier: Apache-2.0
#include "model/service.h"

#include <gtest/gtest.h>

namespace isobar::model {
namespace {

TEST(Scheduler, EveryNameLeadsBackToItself) {
    ASSERT_FALSE(scheduler_names().empty());
    for (const std::string_view text : scheduler_names()) {
        ASSERT_TRUE(scheduler_named(text)) << text;
        EXPECT_EQ(name(*scheduler_named(text)), text);
    }
}

TEST(Scheduler, NamesAreExactAndInTheOrderOfTheirNumbers) {
    EXPECT_EQ(scheduler_named("wlc"), Scheduler::Wlc);
    EXPECT_EQ(scheduler_names().front(), "rr");
    EXPECT_FALSE(scheduler_named("WLC"));
    EXPECT_FALSE(scheduler_named(""));
    EXPECT_FALSE(scheduler_named("wl"));
}

TEST(Protocol, NamesAreLowerCase) {
    EXPECT_EQ(name(Protocol::Tcp), "tcp");
    EXPECT_EQ(protocol_named("udp"), Protocol::Udp);
    EXPECT_FALSE(protocol_named("TCP"));
    EXPECT_EQ(protocol_named("sctp"), Protocol::Sctp);
    EXPECT_FALSE(protocol_named("dccp"));
}

TEST(ForwardingMethod, NatIsNamedAsInTheConfiguration) {
    EXPECT_EQ(name(ForwardingMethod::Nat), "nat");
}

TEST(ServiceKey, TextIsWhatIpvsadmCallsTheService) {
    const ServiceKey web{Protocol::Tcp, {Address::v4(10, 0, 0, 2), 80}};
    const ServiceKey dns{Protocol::Udp, {*Address::parse("fd00::1"), 53}};

    EXPECT_EQ(web.text(), "TCP 10.0.0.2:80");
    EXPECT_EQ(dns.text(), "UDP [fd00::1]:53");
}

}  // namespace
}  // namespace isobar::model
