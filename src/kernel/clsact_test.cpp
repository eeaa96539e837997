// SPDX-License-Identifier: Apache-2.0
#include "kernel/clsact.h"

#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "kernel/program.h"

namespace isobar::kernel {
namespace {

constexpr int kLoopback = 1;
constexpr FilterPlace kPlace{49, "nobody"};

// In a network namespace of its own; threads that a test starts are in it, too.
class Clsact : public testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        ASSERT_EQ(0, ::unshare(CLONE_NEWNET));
        listen_to_libbpf();
    }
};

TEST_F(Clsact, IsMadeOnceAndGoesOnce) {
    EXPECT_TRUE(make_clsact(kLoopback).value());
    EXPECT_FALSE(make_clsact(kLoopback).value());

    EXPECT_TRUE(remove_clsact(kLoopback));
    EXPECT_TRUE(remove_clsact(kLoopback)) << "there is none";
    EXPECT_TRUE(make_clsact(kLoopback).value()) << "it was gone";
}

TEST_F(Clsact, AFreePlaceIsNobodys) {
    ASSERT_TRUE(make_clsact(kLoopback));

    EXPECT_FALSE(find_filter(kLoopback, Side::Ingress, kPlace).value().has_value());
    EXPECT_TRUE(detach_filter(kLoopback, Side::Ingress, kPlace));
    EXPECT_FALSE(has_filters(kLoopback).value());
}

// Without waiting, Linux 6.4 and later refuses one in some hundred removals.
TEST_F(Clsact, GoesWhileOthersAreLookingAtIt) {
    std::atomic<bool> done = false;
    std::vector<std::jthread> lookers;
    for (int i = 0; i < 3; ++i)
        lookers.emplace_back([&done] {
            listen_to_libbpf();
            while (!done) (void)find_filter(kLoopback, Side::Ingress, kPlace);
        });

    for (int i = 0; i < 1500; ++i) {
        ASSERT_TRUE(make_clsact(kLoopback).value());
        const auto removed = remove_clsact(kLoopback);
        EXPECT_TRUE(removed) << "removal " << i << ": " << removed.error().message;
        if (!removed) break;
    }
    done = true;
}

}  // namespace
}  // namespace isobar::kernel
