// SPDX-License-Identifier: Apache-2.0
#include "isobard/options.h"

#include <gtest/gtest.h>

#include <vector>

namespace isobar::isobard {
namespace {

Result<Options> parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "isobard");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    return parse_options(static_cast<int>(arguments.size()), argv.data());
}

TEST(IsobardOptions, DefaultsAreTheSystemsPaths) {
    const Options options = parse({}).value();

    EXPECT_EQ(options.mode, Mode::Run);
    EXPECT_EQ(options.config, "/etc/isobar/isobar.toml");
    EXPECT_EQ(options.socket, "/run/isobar/isobar.sock");
    EXPECT_EQ(options.state_dir, "/var/lib/isobar");
}

TEST(IsobardOptions, TakesPathsInBothForms) {
    const Options options = parse({"-c", "a.toml", "--socket=b.sock", "--state-dir", "c"}).value();

    EXPECT_EQ(options.mode, Mode::Run);
    EXPECT_EQ(options.config, "a.toml");
    EXPECT_EQ(options.socket, "b.sock");
    EXPECT_EQ(options.state_dir, "c");
}

TEST(IsobardOptions, OtherModes) {
    EXPECT_EQ(parse({"-t", "x.toml"}).value().mode, Mode::Test);
    EXPECT_EQ(parse({"--test", "x.toml"}).value().config, "x.toml");
    EXPECT_EQ(parse({"--remove"}).value().mode, Mode::Remove);
    EXPECT_EQ(parse({"-h", "--nonsense"}).value().mode, Mode::Help);
    EXPECT_EQ(parse({"--version"}).value().mode, Mode::Version);
}

TEST(IsobardOptions, WhatIsWrongIsSaid) {
    EXPECT_EQ(parse({"-x"}).error().message, "unknown or ambiguous option -x");
    EXPECT_EQ(parse({"--conf-file"}).error().message, "unknown or ambiguous option --conf-file");
    EXPECT_EQ(parse({"-c"}).error().message, "option -c needs a value");
    EXPECT_EQ(parse({"--socket"}).error().message, "option --socket needs a value");
    EXPECT_EQ(parse({"start"}).error().message, "unexpected argument 'start'");
    EXPECT_EQ(parse({"-c", ""}).error().message, "a path cannot be empty");
}

}  // namespace
}  // namespace isobar::isobard
