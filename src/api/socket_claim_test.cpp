// SPDX-License-Identifier: Apache-2.0
#include "api/socket_claim.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace isobar::api {
namespace {

class SocketClaimTest : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "isobar-claim-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        path_ = folder_ / "run" / "isobar.sock";
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_;
    std::filesystem::path path_;
};

TEST_F(SocketClaimTest, ListensForOwnerAndGroupOnly) {
    auto claim = SocketClaim::take(path_);
    ASSERT_TRUE(claim.has_value()) << claim.error().message;

    const auto socket = claim->listen();

    ASSERT_TRUE(socket.has_value()) << socket.error().message;
    struct stat found{};
    ASSERT_EQ(::stat(path_.c_str(), &found), 0);
    EXPECT_TRUE(S_ISSOCK(found.st_mode));
    EXPECT_EQ(found.st_mode & 0777U, 0660U);
}

TEST_F(SocketClaimTest, SecondOneIsRefusedAndToldWhoHasIt) {
    auto first = SocketClaim::take(path_);
    ASSERT_TRUE(first.has_value());

    const auto second = SocketClaim::take(path_);

    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().fault, Fault::Exists);
    EXPECT_EQ(second.error().message, "isobard is running already (process " +
                                          std::to_string(::getpid()) + ") at " + path_.string());
}

TEST_F(SocketClaimTest, LeavesNoTraceAndCanBeTakenAgain) {
    {
        auto claim = SocketClaim::take(path_);
        ASSERT_TRUE(claim.has_value());
        ASSERT_TRUE(claim->listen().has_value());
    }

    EXPECT_TRUE(std::filesystem::is_empty(path_.parent_path()));
    EXPECT_TRUE(SocketClaim::take(path_).has_value());
}

TEST_F(SocketClaimTest, WhatAKilledProcessLeftIsReplaced) {
    const pid_t child = ::fork();
    if (child == 0) {
        auto claim = SocketClaim::take(path_);
        const bool listens = claim && claim->listen();
        ::_exit(listens ? 0 : 1);  // as kill -9: no destructor runs
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    ASSERT_TRUE(std::filesystem::exists(path_));

    auto claim = SocketClaim::take(path_);

    ASSERT_TRUE(claim.has_value()) << claim.error().message;
    EXPECT_TRUE(claim->listen().has_value());
}

TEST_F(SocketClaimTest, DoesNotReplaceWhatIsNoSocket) {
    std::filesystem::create_directories(path_.parent_path());
    std::ofstream(path_) << "precious";

    EXPECT_EQ(SocketClaim::take(path_).error().fault, Fault::Exists);
    EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(SocketClaimTest, PathTooLongForASocketIsRefused) {
    EXPECT_EQ(SocketClaim::take(folder_ / std::string(100, 'x')).error().fault, Fault::Invalid);
}

}  // namespace
}  // namespace isobar::api
