// SPDX-License-Identifier: Apache-2.0
#include "api/socket_claim.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/temporary_folder.h"

namespace isobar::api {
namespace {

class SocketClaimTest : public testing::Test {
protected:
    TemporaryFolder temporary;
    std::filesystem::path folder = temporary.path();
    std::filesystem::path path = folder / "run" / "isobar.sock";
};

TEST_F(SocketClaimTest, ListensForOwnerAndGroupOnly) {
    auto claim = SocketClaim::take(path);
    ASSERT_TRUE(claim.has_value()) << claim.error().message;

    const auto socket = claim->listen();

    ASSERT_TRUE(socket.has_value()) << socket.error().message;
    struct stat found{};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    EXPECT_TRUE(S_ISSOCK(found.st_mode));
    EXPECT_EQ(found.st_mode & 0777U, 0660U);
}

TEST_F(SocketClaimTest, SecondOneIsRefusedAndToldWhoHasIt) {
    auto first = SocketClaim::take(path);
    ASSERT_TRUE(first.has_value());

    const auto second = SocketClaim::take(path);

    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().fault, Fault::Exists);
    EXPECT_EQ(second.error().message, "isobard is running already (process " +
                                          std::to_string(::getpid()) + ") at " + path.string());
}

TEST_F(SocketClaimTest, LeavesNoTraceAndCanBeTakenAgain) {
    {
        auto claim = SocketClaim::take(path);
        ASSERT_TRUE(claim.has_value());
        ASSERT_TRUE(claim->listen().has_value());
    }

    EXPECT_TRUE(std::filesystem::is_empty(path.parent_path()));
    EXPECT_TRUE(SocketClaim::take(path).has_value());
}

TEST_F(SocketClaimTest, WhatAKilledProcessLeftIsReplaced) {
    const pid_t child = ::fork();
    if (child == 0) {
        auto claim = SocketClaim::take(path);
        const bool listens = claim && claim->listen();
        ::_exit(listens ? 0 : 1);  // as kill -9: no destructor runs
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    ASSERT_TRUE(std::filesystem::exists(path));

    auto claim = SocketClaim::take(path);

    ASSERT_TRUE(claim.has_value()) << claim.error().message;
    EXPECT_TRUE(claim->listen().has_value());
}

TEST_F(SocketClaimTest, DoesNotReplaceWhatIsNoSocket) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "precious";

    EXPECT_EQ(SocketClaim::take(path).error().fault, Fault::Exists);
    EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

TEST_F(SocketClaimTest, PathTooLongForASocketIsRefused) {
    EXPECT_EQ(SocketClaim::take(folder / std::string(100, 'x')).error().fault, Fault::Invalid);
}

}  // namespace
}  // namespace isobar::api
