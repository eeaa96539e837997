// SPDX-License-Identifier: Apache-2.0
#include "isobar/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <vector>

namespace isobar::cli {
namespace {

using testing::HasSubstr;

Result<Command> parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "isobar");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    return parse_command_line(static_cast<int>(arguments.size()), argv.data());
}

TEST(CommandLine, StatusWithItsOptions) {
    const auto plain = std::get<StatusCommand>(parse({"status"}).value());
    EXPECT_EQ(plain.socket, kDefaultSocket);
    EXPECT_FALSE(plain.json);
    EXPECT_FALSE(plain.watch);

    const auto full =
        std::get<StatusCommand>(parse({"status", "-j", "--watch", "--socket", "x.sock"}).value());
    EXPECT_EQ(full.socket, "x.sock");
    EXPECT_TRUE(full.json);
    EXPECT_TRUE(full.watch);
}

TEST(CommandLine, OptionsMayStandBeforeTheCommand) {
    const auto both =
        std::get<StatusCommand>(parse({"--socket", "x.sock", "status", "-j"}).value());
    EXPECT_EQ(both.socket, "x.sock");
    EXPECT_TRUE(both.json);

    EXPECT_THAT(std::get<PrintCommand>(parse({"-h", "status"}).value()).text,
                HasSubstr("Usage: isobar status"));
}

TEST(CommandLine, HelpInAllItsForms) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"--help"}, {"-h"}, {"help"}}) {
        EXPECT_THAT(std::get<PrintCommand>(parse(words).value()).text,
                    HasSubstr("Usage: isobar COMMAND"));
    }
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"status", "--help"}, {"help", "status"}}) {
        EXPECT_THAT(std::get<PrintCommand>(parse(words).value()).text,
                    HasSubstr("Usage: isobar status"));
    }
    EXPECT_THAT(std::get<PrintCommand>(parse({"-v"}).value()).text, HasSubstr("isobar 0."));
}

TEST(CommandLine, WhatIsWrongIsSaid) {
    EXPECT_EQ(parse({}).error().message, "which command?");
    EXPECT_EQ(parse({"statsu"}).error().message,
              "unknown command 'statsu'; did you mean 'status'?");
    EXPECT_EQ(parse({"reboot"}).error().message,
              "unknown command 'reboot'; known here: help, status, services, servers, top, health, "
              "check, conns, explain, simulate, trace, doctor, events, drain, disable, enable, up, "
              "down, weight, plan, "
              "apply, confirm, "
              "rollback, history, diff, import, completion");
    EXPECT_EQ(parse({"--what", "status"}).error().message, "unknown or ambiguous option --what");
    EXPECT_EQ(parse({"-j"}).error().message, "which command?");
    EXPECT_EQ(parse({"status", "--jsn"}).error().message,
              "status: unknown or ambiguous option --jsn");
    EXPECT_EQ(parse({"status", "--socket"}).error().message,
              "status: option --socket needs a value");
    EXPECT_EQ(parse({"status", "web"}).error().message, "status: unexpected argument 'web'");
}

TEST(CommandLine, ADrainMayHaveItsTime) {
    const auto plain = std::get<DrainCommand>(parse({"drain", "web", "10.1.1.1"}).value());
    EXPECT_EQ(plain.request.text(), "drain");
    EXPECT_EQ(plain.request.within, std::nullopt);
    EXPECT_FALSE(plain.wait);

    const auto timed = std::get<DrainCommand>(
        parse({"drain", "web", "10.1.1.1", "--by", "10m", "--then", "reset", "--wait"}).value());
    EXPECT_EQ(timed.request.within, std::chrono::minutes(10));
    EXPECT_EQ(timed.request.afterwards, control::Afterwards::Reset);
    EXPECT_TRUE(timed.wait);

    EXPECT_EQ(parse({"drain", "web", "10.1.1.1", "--then", "reset"}).error().message,
              "drain: --then: when? --by 10m, for instance");
    EXPECT_EQ(parse({"disable", "web", "10.1.1.1", "--by", "10m"}).error().message,
              "disable: --by is for drain");
}

TEST(CommandLine, WishesNameServiceAndServer) {
    const auto wish = [](std::vector<std::string> words) {
        return std::get<WishCommand>(parse(std::move(words)).value()).request;
    };

    const auto disable = wish({"disable", "web", "192.168.10.100", "--why", "new disk"});
    EXPECT_EQ(disable.service, "web");
    EXPECT_EQ(disable.server.text(), "192.168.10.100:0");
    EXPECT_EQ(disable.why, "new disk");
    EXPECT_EQ(disable.text(), "maintenance");
    EXPECT_EQ(wish({"up", "web", "[fd00::1]:80"}).text(), "up");
    EXPECT_EQ(wish({"down", "web", "fd00::1"}).text(), "down");
    EXPECT_EQ(wish({"enable", "web", "10.1.1.1"}).text(), "none, weight auto");
    EXPECT_EQ(wish({"weight", "web", "10.1.1.1", "7"}).text(), "weight 7");
    EXPECT_EQ(wish({"weight", "web", "10.1.1.1", "auto"}).text(), "weight auto");

    const auto wrong = [](std::vector<std::string> words) {
        return parse(std::move(words)).error().message;
    };
    EXPECT_EQ(wrong({"drain"}), "drain: which service, and which server?");
    EXPECT_EQ(wrong({"drain", "web"}), "drain: which server?");
    EXPECT_EQ(wrong({"weight", "web", "10.1.1.1"}), "weight: which weight?");
    EXPECT_EQ(wrong({"weight", "web", "10.1.1.1", "-1"}), "weight: unknown or ambiguous option -1");
    EXPECT_EQ(wrong({"weight", "web", "10.1.1.1", "x"}),
              "weight: 'x' is no weight: 0 to 2147483647, or auto");
    EXPECT_EQ(wrong({"up", "web", "real1"}), "up: 'real1' is no address of a server");
    EXPECT_EQ(wrong({"up", "web", "10.1.1.1", "now"}), "up: unexpected argument 'now'");
    EXPECT_EQ(wrong({"status", "--why", "x"}), "status: --why is for drain and the like");
}

TEST(CommandLine, WeightsOfASimulationAddUp) {
    const auto simulate = std::get<SimulateCommand>(
        parse({"simulate", "web", "--weight", "10.1.1.1=3", "--weight", "10.1.1.2=0"}).value());
    EXPECT_EQ(simulate.weights.size(), 2U);
    EXPECT_EQ(parse({"simulate"}).error().message, "simulate: which service?");
    EXPECT_EQ(parse({"status", "--seed", "1"}).error().message, "status: --seed is for simulate");
}

TEST(CommandLine, HealthNamesServiceAndServer) {
    const auto health = std::get<HealthCommand>(parse({"health", "-j", "web", "10.1.1.1"}).value());
    EXPECT_EQ(health.service, "web");
    EXPECT_EQ(health.server.text(), "10.1.1.1:0");
    EXPECT_TRUE(health.json);
    EXPECT_EQ(parse({"health"}).error().message, "health: which service, and which server?");
    EXPECT_EQ(parse({"health", "web"}).error().message, "health: which server?");
    EXPECT_EQ(parse({"health", "web", "10.1.1.1", "x"}).error().message,
              "health: unexpected argument 'x'");
}

TEST(CommandLine, CheckNamesAServiceAndPerhapsAServer) {
    const auto all = std::get<CheckCommand>(parse({"check", "web"}).value());
    EXPECT_EQ(all.request.service, "web");
    EXPECT_FALSE(all.request.server);
    const auto one = std::get<CheckCommand>(parse({"check", "web", "10.1.1.1:80", "-j"}).value());
    EXPECT_EQ(one.request.server->text(), "10.1.1.1:80");
    EXPECT_TRUE(one.json);
    EXPECT_EQ(parse({"check"}).error().message, "check: which service?");
    EXPECT_EQ(parse({"check", "web", "real1"}).error().message,
              "check: 'real1' is no address of a server");
    EXPECT_EQ(parse({"check", "web", "10.1.1.1", "x"}).error().message,
              "check: unexpected argument 'x'");
}

TEST(CommandLine, ConnsTakesFiltersAndWhoseNumberIsAskedFor) {
    const auto query = [](std::vector<std::string> words) {
        words.insert(words.begin(), "conns");
        return std::get<ConnsCommand>(parse(std::move(words)).value()).query;
    };
    const auto wrong = [](std::vector<std::string> words) {
        return parse(std::move(words)).error().message;
    };

    EXPECT_EQ(query({}), api::Query{});
    EXPECT_EQ(query({"--service", "web", "--state", "syn_recv", "--limit", "7"}),
              (api::Query{{"service", "web"}, {"state", "syn_recv"}, {"limit", "7"}}));
    EXPECT_EQ(query({"--top", "client/24", "20"}),
              (api::Query{{"top", "client/24"}, {"limit", "20"}}));
    EXPECT_EQ(wrong({"conns", "20"}), "conns: unexpected argument '20'");
    EXPECT_EQ(wrong({"conns", "--top", "server", "--limit", "3", "20"}),
              "conns: unexpected argument '20'");
    EXPECT_EQ(wrong({"conns", "--client", "here"}),
              "conns: client: 'here' is no address or network");
    EXPECT_EQ(wrong({"status", "--client", "10.0.0.1"}), "status: --client is for conns and trace");
}

TEST(CommandLine, TraceTakesFiltersAndVerdicts) {
    const auto trace = [](std::vector<std::string> words) {
        words.insert(words.begin(), "trace");
        return std::get<TraceCommand>(parse(std::move(words)).value());
    };
    const auto wrong = [](std::vector<std::string> words) {
        words.insert(words.begin(), "trace");
        return parse(std::move(words)).error().message;
    };

    const auto plain = trace({});
    EXPECT_FALSE(plain.wish.client || plain.wish.server || plain.wish.protocol || plain.wish.port);
    const auto all = trace({"--all"}).wish.verdicts, drops = trace({"--drops"}).wish.verdicts;
    EXPECT_EQ(plain.wish.verdicts & ~all, 0U);
    EXPECT_NE(plain.wish.verdicts, all);
    EXPECT_EQ(drops & ~plain.wish.verdicts, 0U);
    EXPECT_EQ(std::popcount(trace({"--verdict", "forwarded,replied"}).wish.verdicts), 2);

    const auto full = trace({"--client", "10.0.0.0/24", "--server", "10.1.1.1", "--service", "web",
                             "--protocol", "udp", "--port", "53", "--count", "7", "--write", "x"});
    EXPECT_EQ(full.wish.client->text(), "10.0.0.0/24");
    EXPECT_EQ(full.wish.server->text(), "10.1.1.1:0");
    EXPECT_EQ(full.wish.port, 53);
    EXPECT_EQ(full.service, "web");
    EXPECT_EQ(full.count, 7U);
    EXPECT_EQ(full.file, "x");

    EXPECT_EQ(wrong({"--verdict", "forwardet"}),
              "trace: verdict: unknown 'forwardet'; did you mean 'forwarded'?");
    EXPECT_EQ(wrong({"--drops", "--all"}), "trace: --drops and --all or --verdict: one of them");
    EXPECT_EQ(wrong({"--port", "0"}), "trace: port: not '0'");
    EXPECT_EQ(wrong({"--count", "0"}), "trace: count: not '0'");
    EXPECT_EQ(wrong({"--client", "x"}), "trace: client: 'x' is no address or network");
    EXPECT_EQ(wrong({"--state", "x"}), "trace: --state is for conns");
    EXPECT_EQ(parse({"conns", "--drops"}).error().message, "conns: --drops is for trace");
}

TEST(CommandLine, ServersTakesAServiceAndAnOrder) {
    const auto servers =
        std::get<ListCommand>(parse({"servers", "web", "--sort", "active"}).value());
    EXPECT_TRUE(servers.servers);
    EXPECT_EQ(servers.service, "web");
    EXPECT_EQ(servers.by, SortBy::Active);
    EXPECT_FALSE(std::get<ListCommand>(parse({"services", "-j"}).value()).servers);
    EXPECT_EQ(parse({"services", "web"}).error().message, "services: unexpected argument 'web'");
    EXPECT_EQ(parse({"health", "web", "10.1.1.1", "--sort", "in"}).error().message,
              "health: --sort is for services, servers and top");
}

TEST(CommandLine, EventsMayBeFollowed) {
    const auto events =
        std::get<EventsCommand>(parse({"events", "--follow", "--limit", "7"}).value());
    EXPECT_TRUE(events.follow);
    EXPECT_EQ(events.limit, 7U);
    EXPECT_EQ(std::get<EventsCommand>(parse({"events"}).value()).limit, 100U);
    EXPECT_EQ(parse({"events", "--limit", "0"}).error().message, "events: limit: not '0'");
    EXPECT_EQ(parse({"conns", "--follow"}).error().message, "conns: --follow is for events");
}

TEST(CommandLine, ImportTakesAFileAndPerhapsItsFormat) {
    const auto plain = std::get<ImportCommand>(parse({"import", "keepalived.conf"}).value());
    EXPECT_EQ(plain.file, "keepalived.conf");
    EXPECT_FALSE(plain.format);
    const auto named =
        std::get<ImportCommand>(parse({"import", "x", "--format", "lvs.cf"}).value());
    EXPECT_EQ(named.format, importer::Format::LvsCf);

    EXPECT_EQ(parse({"import"}).error().message, "import: which file?");
    EXPECT_EQ(parse({"import", "a", "b"}).error().message, "import: unexpected argument 'b'");
    EXPECT_EQ(parse({"import", "a", "--format", "lvs.fc"}).error().message,
              "import: unknown format 'lvs.fc'; did you mean 'lvs.cf'?");
    EXPECT_EQ(parse({"import", "-j", "a"}).error().message,
              "import: --json is for status and the like");
    EXPECT_EQ(parse({"status", "--format", "lvs.cf"}).error().message,
              "status: --format is for import");
}

}  // namespace
}  // namespace isobar::cli
