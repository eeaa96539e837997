// SPDX-License-Identifier: Apache-2.0
#include "isobar-agent/options.h"

#include <gtest/gtest.h>

#include <vector>

namespace isobar::agent {
namespace {

Result<Command> parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "isobar-agent");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    return parse_command_line(static_cast<int>(arguments.size()), argv.data());
}

std::string complaint(std::vector<std::string> arguments) {
    const auto parsed = parse(std::move(arguments));
    return parsed ? "" : parsed.error().message;
}

TEST(AgentOptions, OneVipIsEnough) {
    const auto run = std::get<RunCommand>(parse({"--vip", "10.0.0.2"}).value());

    EXPECT_EQ(run.settings.vips, std::vector{Vip::parse("10.0.0.2").value()});
    EXPECT_TRUE(run.settings.tunnels.empty());
    EXPECT_TRUE(run.settings.interfaces.empty());
    EXPECT_EQ(run.settings.arp, Arp::Auto);
    EXPECT_EQ(run.settings.decap, Decap::Auto);
    EXPECT_EQ(run.settings.gue_port, 6080);
    EXPECT_EQ(run.settings.mss, Mss{});
    EXPECT_EQ(run.state_dir, "/run/isobar/agent");
}

TEST(AgentOptions, TakesAll) {
    const auto run = std::get<RunCommand>(
        parse({"--vip", "10.0.0.2", "--vip=fd00::2@eth1", "--tunnel", "ipip,gue", "--interface",
               "eth0", "--interface", "eth1", "--arp", "bpf", "--decap", "bpf", "--gue-port",
               "5555", "--mss", "1400", "--state-dir", "/tmp/x"})
            .value());

    EXPECT_EQ(run.settings.vips.at(1).text(), "fd00::2@eth1");
    EXPECT_EQ(run.settings.tunnels, (std::set{Tunnel::Ipip, Tunnel::Gue}));
    EXPECT_EQ(run.settings.interfaces, (std::vector<std::string>{"eth0", "eth1"}));
    EXPECT_EQ(run.settings.arp, Arp::Bpf);
    EXPECT_EQ(run.settings.decap, Decap::Bpf);
    EXPECT_EQ(run.settings.gue_port, 5555);
    EXPECT_EQ(run.settings.mss, (Mss{Mss::Kind::Fixed, 1400}));
    EXPECT_EQ(run.state_dir, "/tmp/x");
}

TEST(AgentOptions, DirectorsTellTheRest) {
    const auto run =
        std::get<RunCommand>(parse({"--director", "192.168.10.1", "--director=fd00::1",
                                    "--director", "[fd00::2]:9000", "--decap", "kernel"})
                                 .value());

    EXPECT_EQ(run.directors, (std::vector{*model::Endpoint::parse("192.168.10.1:10539"),
                                          *model::Endpoint::parse("[fd00::1]:10539"),
                                          *model::Endpoint::parse("[fd00::2]:9000")}));
    EXPECT_TRUE(run.settings.vips.empty());
}

TEST(AgentOptions, CheckAsksADirectorToo) {
    const auto check = std::get<CheckCommand>(
        parse({"check", "--director", "192.168.10.1", "--gateway", "192.168.10.254"}).value());

    EXPECT_EQ(check.directors, std::vector{*model::Endpoint::parse("192.168.10.1:10539")});
    EXPECT_EQ(check.question.gateway, model::Address::parse("192.168.10.254"));
    EXPECT_FALSE(check.tells);
    EXPECT_TRUE(
        std::get<CheckCommand>(parse({"doctor", "--director", "192.168.10.1"}).value()).tells);
}

TEST(AgentOptions, Check) {
    const auto check = std::get<CheckCommand>(
        parse({"check", "--vip", "10.0.0.2", "--method", "nat", "--gateway", "10.0.0.1"}).value());

    EXPECT_EQ(check.question.vips, std::vector{*model::Address::parse("10.0.0.2")});
    EXPECT_EQ(check.question.method, Method::Nat);
    EXPECT_EQ(check.question.gateway, model::Address::parse("10.0.0.1"));
}

TEST(AgentOptions, HelpAndVersionNeedNothingElse) {
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"-h"}, {"--help", "--nonsense"}, {"-v"}, {"--version"}, {"check", "-h"}})
        EXPECT_TRUE(std::holds_alternative<PrintCommand>(parse(words).value())) << words[0];
}

TEST(AgentOptions, WhatIsWrongIsSaid) {
    EXPECT_EQ(complaint({}), "which address? --vip ADDRESS or --director ADDRESS");
    EXPECT_EQ(complaint({"--vip"}), "option --vip needs a value");
    EXPECT_EQ(complaint({"--vip="}), "option --vip= needs a value");
    EXPECT_EQ(complaint({"-x"}), "unknown or ambiguous option -x");
    EXPECT_EQ(complaint({"--vips", "10.0.0.2"}), "unknown or ambiguous option --vips");
    EXPECT_EQ(complaint({"start"}), "unexpected argument 'start'");
    EXPECT_EQ(complaint({"--vip", "10.0.0.256"}), "--vip: '10.0.0.256' is no address for a VIP");
    EXPECT_EQ(complaint({"--vip", "10.0.0.2", "--arp", "off"}),
              "--arp: 'off' is none of auto, sysctl, bpf");
    EXPECT_EQ(complaint({"--decap", "yes"}), "--decap: 'yes' is none of auto, kernel, bpf");
    EXPECT_EQ(complaint({"--tunnel", "vxlan"}),
              "--tunnel: 'vxlan' is no tunnel: ipip, gue, gre (or none)");
    EXPECT_EQ(complaint({"--gue-port", "0"}), "--gue-port: '0' is no port (1 to 65535)");
    EXPECT_EQ(complaint({"--gue-port", "65536"}), "--gue-port: '65536' is no port (1 to 65535)");
    EXPECT_EQ(complaint({"--mss", "1"}),
              "--mss: '1' is not auto, off or a number from 88 to 65495");
    EXPECT_EQ(complaint({"check"}), "check: which address? --vip ADDRESS or --director ADDRESS");
    EXPECT_EQ(complaint({"check", "--vip", "10.0.0.2@eth0"}),
              "check: --vip: '10.0.0.2@eth0' is no address of a host");
    EXPECT_EQ(complaint({"check", "--vip", "10.0.0.2", "--gateway", "10.0.0.1"}),
              "check: --gateway goes with --method nat");
    EXPECT_EQ(complaint({"--director", "vs1"}), "--director: 'vs1' is no address, or address:port");
    EXPECT_EQ(complaint({"--director", "10.0.0.1:0"}),
              "--director: '10.0.0.1:0' is no address, or address:port");
    EXPECT_EQ(complaint({"--director", "0.0.0.0"}),
              "--director: '0.0.0.0' is no address, or address:port");
    EXPECT_EQ(complaint({"--director", "10.0.0.1", "--vip", "10.0.0.2@eth0", "--arp", "sysctl"}),
              complaint({"--vip", "10.0.0.2@eth0", "--arp", "sysctl"}));
    for (const std::vector<std::string>& more :
         std::vector<std::vector<std::string>>{{"--vip", "10.0.0.2"}, {"--method", "tun"}})
        EXPECT_EQ(complaint({"check", "--director", "10.0.0.1", more[0], more[1]}),
                  "check: --director tells addresses and methods: no --vip, no --method");
    EXPECT_EQ(complaint({"check", "--vip", "10.0.0.2", "--tunnel", "ipip"}),
              "check: unknown or ambiguous option --tunnel");
}

TEST(AgentOptions, LoadTellsTheBusiestOrWhatAProgramPrints) {
    const auto usual = std::get<LoadCommand>(parse({"load"}).value());
    EXPECT_EQ(usual.listen.text(), "[::]:9999");
    EXPECT_EQ(usual.by, (std::vector{Busy::Load, Busy::Pressure}));
    EXPECT_TRUE(usual.program.empty());

    const auto load = std::get<LoadCommand>(
        parse({"load", "--listen", "10.0.0.1:700", "--by", "memory", "--", "/x", "-y"}).value());
    EXPECT_EQ(load.listen.text(), "10.0.0.1:700");
    EXPECT_EQ(load.by, std::vector{Busy::Memory});
    EXPECT_EQ(load.program, (std::vector<std::string>{"/x", "-y"}));
    EXPECT_EQ(std::get<LoadCommand>(parse({"load", "--listen", "701"}).value()).listen.text(),
              "[::]:701");
}

TEST(AgentOptions, LoadRefusesWhatItDoesNotUnderstand) {
    EXPECT_EQ(complaint({"load", "--by", "disk"}),
              "load: --by: 'disk' is none of load, pressure, memory");
    EXPECT_EQ(complaint({"load", "--listen", "0"}),
              "load: --listen: '0' is no port, or address:port");
    EXPECT_EQ(complaint({"load", "--"}), "load: no program after --");
    EXPECT_EQ(complaint({"load", "/x"}), "load: unexpected argument '/x'");
}

}  // namespace
}  // namespace isobar::agent
