// SPDX-License-Identifier: Apache-2.0
// What each line gets was seen on ipvsadm 1.31.
#include "ipvsadm/command_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "ipvsadm/test_doubles.h"

namespace isobar::ipvsadm {
namespace {

// Words parted by blanks; '' is an empty one, _ in a word stands for a blank.
std::vector<std::string> words_of(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) {
        if (word == "''") word.clear();
        std::replace(word.begin(), word.end(), '_', ' ');
        words.push_back(word);
    }
    return words;
}

tl::expected<Command, UsageError> parse(const std::string& line) {
    FixedNames names;
    return parse_command_line("ipvsadm", words_of(line), names);
}

// "2 message", or "0".
std::string verdict(const std::string& line) {
    const auto command = parse(line);
    if (command) return "0";
    return std::to_string(command.error().exit_code) + " " + command.error().message;
}

Command accepted(const std::string& line) {
    auto command = parse(line);
    EXPECT_TRUE(command.has_value()) << line << ": " << command.error().message;
    return command.value_or(Command{});
}

struct Case {
    const char* line;
    const char* verdict;
};

void expect_verdicts(std::initializer_list<Case> cases) {
    for (const auto& [line, expected] : cases) EXPECT_EQ(verdict(line), expected) << line;
}

constexpr const char* kTry = "255 Try `ipvsadm -h' or 'ipvsadm --help' for more information.";

TEST(CommandLine, NoArgumentListsServices) {
    EXPECT_EQ(accepted("").action, Action::List);
    EXPECT_EQ(accepted(""), accepted("-L"));
}

TEST(CommandLine, TheFirstOptionMustBeACommand) {
    expect_verdicts({
        {"-X", kTry},
        {"--nosuch", kTry},
        {"extra words", kTry},
        {"''", kTry},
        {"-", kTry},
        {"--", kTry},
        {"-- -L", kTry},
        {"-n -L", kTry},
        {"-nL", kTry},
        {"-t 1.2.3.4:80 -A", kTry},
        {"--list=3", kTry},
        {"--add-servic -t 1.2.3.4:80", kTry},
        {"--start-daemon", kTry},
        {"extra -L", "2 unexpected argument extra"},
    });
}

TEST(CommandLine, HelpAndVersionIgnoreWhatFollows) {
    for (const char* line : {"-h", "--help", "-h extra", "-hL", "-h -b x"}) {
        EXPECT_EQ(accepted(line).action, Action::Help) << line;
    }
    for (const char* line : {"-v", "--version", "-vL", "-v -h"}) {
        EXPECT_EQ(accepted(line).action, Action::Version) << line;
    }
}

TEST(CommandLine, ValuesMayBeAttachedOrStandInTheNextWord) {
    const auto expected = accepted("-A -t 1.2.3.4:80 -s rr");

    for (const char* line :
         {"-A -t1.2.3.4:80 -srr", "-A -t=1.2.3.4:80 -s=rr", "-At1.2.3.4:80 -s rr",
          "-At 1.2.3.4:80 -s rr", "--add-service --tcp-service=1.2.3.4:80 --scheduler rr",
          "-A -s rr -t 1.2.3.4:http", "-A --sort -s rr -t 1.2.3.4:080"}) {
        EXPECT_EQ(accepted(line), expected) << line;
    }
}

TEST(CommandLine, ClustersOfLettersMayEndInAValue) {
    const auto list = accepted("-Lnc").list;
    EXPECT_TRUE(list.numeric);
    EXPECT_TRUE(list.connections);
    EXPECT_TRUE(accepted("-ln").list.numeric);

    const auto server = accepted("-a -t 1.2.3.4:80 -r 1.2.3.5 -mw5");
    EXPECT_EQ(server.forward, model::ForwardingMethod::Nat);
    EXPECT_EQ(server.weight, 5U);
    EXPECT_EQ(accepted("-a -t 1.2.3.4:80 -r 1.2.3.5 -mw=5"), server);
}

TEST(CommandLine, OptionsThatAreNoneAreNamed) {
    expect_verdicts({
        {"-A --nosuch", "255 --nosuch: unknown option"},
        {"-LQ", "255 -LQ: unknown option"},
        {"-L -n3", "255 -n3: unknown option"},
        {"-L -n=3", "255 -n=3: option does not take an argument"},
        {"-L --numeric=3", "255 --numeric=3: option does not take an argument"},
        {"-A -t", "255 -t: missing argument"},
        {"-A --t 1.2.3.4:80", "255 --t: unknown option"},
        {"-A -t 1.2.3.4:80 -p -5", "255 -5: unknown option"},
        {"-A -D", "2 invalid option `-D'"},
        {"-L -Z", "2 invalid option `-Z'"},
        {"-L --help", "2 invalid option `--help'"},
        {"-A --set 1", "2 invalid option `--set'"},
        {"-L extra", "2 unexpected argument extra"},
        {"-L -- -n", "2 unexpected argument -n"},
        {"-A -t bad extra", "2 illegal virtual server address[:port] specified"},
        {"-A extra --nosuch", "255 --nosuch: unknown option"},
        {"-A -w 1 extra", "2 unexpected argument extra"},
    });
}

TEST(CommandLine, AddressesAreReadAsByInetAton) {
    const auto address = [](const std::string& text) {
        return accepted("-A -p -t " + text).service.value_or(ServiceName{}).address.text();
    };
    EXPECT_EQ(address("1.2.3.4:80"), "1.2.3.4:80");
    EXPECT_EQ(address("1.2.3.4"), "1.2.3.4:0");
    EXPECT_EQ(address("1.2.3:80"), "1.2.0.3:80");
    EXPECT_EQ(address("0x01020304:80"), "1.2.3.4:80");
    EXPECT_EQ(address("01.02.03.04:+80"), "1.2.3.4:80");
    EXPECT_EQ(address("localhost:domain"), "127.0.0.1:53");
    EXPECT_EQ(address("[fd00::1]:83"), "[fd00::1]:83");
    EXPECT_EQ(address("fd00::1"), "[fd00::1]:0");
    EXPECT_EQ(address("[1.2.3.4]:80"), "1.2.3.4:0");

    constexpr const char* kIllegal = "2 illegal virtual server address[:port] specified";
    for (const char* text : {"10.0.1.100:99999",
                             "300.1.1.1:80",
                             "nosuch.invalid:80",
                             ":80",
                             ":",
                             "1.2.3.4:",
                             "http",
                             "80",
                             "1.2.3.4:-1",
                             "1.2.3.4:80x",
                             "1.2.3.4:nosuchport",
                             "1.2.3.4:tftp",
                             "1.2.3.4:80:90",
                             "[fd00::1]",
                             "[fd00::1:80",
                             "[]:80",
                             "[fd00::1]80",
                             "[fd00::1]:65536",
                             "_1.2.3.4:80",
                             "fe80::1%lo",
                             "-A",
                             "--",
                             "''"}) {
        EXPECT_EQ(verdict(std::string("-A -t ") + text), kIllegal) << text;
    }
    EXPECT_EQ(verdict("-A -u 1.2.3.4:tftp"), "0");
}

TEST(CommandLine, ServicesNeedAPortOrPersistence) {
    constexpr const char* kZero = "2 Zero port specified for non-persistent service";
    expect_verdicts({
        {"-A -t 10.0.1.100", kZero},
        {"-A -t 10.0.1.100:0", kZero},
        {"-E -t 10.0.1.100", kZero},
        {"-A -t fd00::1", kZero},
        {"-A -o -t 1.1.1.1", kZero},
        {"-A -p -t 10.0.1.100", "0"},
        {"-A -f 7", "0"},
        {"-D -t 10.0.1.100", "0"},
    });
}

TEST(CommandLine, ServiceOptionsAreChecked) {
    expect_verdicts({
        {"-A -f 0", "2 invalid fwmark value `0' specified"},
        {"-A -f x", "2 invalid fwmark value `x' specified"},
        {"-A -f 4294967295", "0"},
        {"-A -f 4294967296", "2 invalid fwmark value `4294967296' specified"},
        {"-A -6 -f 3", "2 -6 used before -f\n"},
        {"-A -f 3 -6", "0"},
        {"-A -t 1.1.1.1:83 -p 0", "2 invalid timeout value `0' specified"},
        {"-A -t 1.1.1.1:83 -p abc", "2 invalid timeout value `abc' specified"},
        {"-A -t 1.1.1.1:83 -p 2678400", "0"},
        {"-A -t 1.1.1.1:83 -p 2678401", "2 invalid timeout value `2678401' specified"},
        {"-A -t 1.1.1.1:83 -M 255.0.255.0", "0"},
        {"-A -t 1.1.1.1:83 -M x", "2 illegal virtual server persistent mask specified"},
        {"-A -t [fd00::1]:83 -M 128", "0"},
        {"-A -t [fd00::1]:83 -p 60 -M 129", "2 illegal ipv6 netmask specified"},
        {"-A -t 1.1.1.1:83 -b nosuch", "2 invalid scheduler flag `nosuch'"},
        {"-A -t 1.1.1.1:83 -b sh-port -s sh", "0"},
        {"-A -t 1.1.1.1:83 -s sh -b sh-port,mh-port", "2 incompatible scheduler flag `mh-port'"},
        {"-A -t 1.1.1.1:83 -s sh -b flag-1,,flag-2,", "0"},
        {"-A -t 1.1.1.1:83 -b ,", "0"},  // ipvsadm crashes
        {"-A -t 1.1.1.1:83 -o", "2 One-Packet Scheduling is only for UDP virtual services"},
        {"-A -u 1.1.1.1:83 -o", "0"},
        {"-A -f 7 -o", "0"},
    });
    EXPECT_EQ(accepted("-A -t 1.1.1.1 -p").persistence, std::chrono::seconds(360));
    EXPECT_EQ(accepted("-A -t 1.1.1.1 -p -M 255.255.240.0").prefix, 20);
    EXPECT_EQ(accepted("-A -t 1.1.1.1 -p -M 0.0.0.0").prefix, 0);
    EXPECT_EQ(accepted("-A -t 1.1.1.1 -p -M 255.255.255.255").prefix, 32);
    EXPECT_FALSE(accepted("-A -t 1.1.1.1 -p -M 255.0.255.0").prefix);
    EXPECT_TRUE(accepted("-A -t 1.1.1.1 -p -M 255.0.255.0").mask_with_holes);
    EXPECT_EQ(accepted("-A -t 1.1.1.1:80 -p -s rr").scheduler, "rr");
    EXPECT_EQ(accepted("-A -t 1.1.1.1:80 -s ''").scheduler, "wlc");
}

TEST(CommandLine, ServerOptionsAreChecked) {
    const auto with = [](const std::string& options) {
        return verdict("-a -t 10.0.1.100:80 -r 10.0.2.99:8080 " + options);
    };
    for (const char* weight : {"-1", "x", "''", "5x", "0x10", "2147483648", "4294967296"}) {
        EXPECT_EQ(with(std::string("-m -w ") + weight), "2 illegal weight specified") << weight;
    }
    EXPECT_EQ(with("-m -w 2147483647"), "0");
    EXPECT_EQ(with("-m -w _5"), "0");
    EXPECT_EQ(with("-m -x -1"), "2 illegal u_threshold specified");
    EXPECT_EQ(with("-m -y x"), "2 illegal l_threshold specified");
    EXPECT_EQ(with("-m -g"), "2 multiple 'forwarding-method' options specified");
    EXPECT_EQ(with("-m --tun-type gue"), "2 Tunnel options conflict with forward method");
    EXPECT_EQ(with("-i --tun-type nosuch"), "2 illegal tunnel type specified");
    EXPECT_EQ(with("-i --tun-port 65536"), "2 illegal tunnel port specified");
    EXPECT_EQ(with("-i --tun-port 5"), "2 Illegal 'tun-port' option with the 'ipip' tunnel type");
    EXPECT_EQ(with("-i --tun-type gue"),
              "2 You need to supply the 'tun-port' option for the 'gue' tunnel type");
    EXPECT_EQ(with("-i --tun-type gue --tun-port 5 --tun-csum --tun-nocsum"),
              "2 The option 'tun-csum' conflicts with the 'tun-nocsum' option in the 'gue' tunnel "
              "type");
    EXPECT_EQ(with("-i --tun-type gre --tun-csum"), "0");
    EXPECT_EQ(verdict("-a -t 10.0.1.100:80 -m -r [fd00::11]:8080"),
              "2 Different address family is allowed only for tunneling servers");
    EXPECT_EQ(verdict("-a -t 10.0.1.100:80 -i -r [fd00::11]:8080"), "0");
    EXPECT_EQ(verdict("-a -f 8 -6 -r [fd00::11] -g"),
              "2 illegal real server address[:port] specified");
}

TEST(CommandLine, ServersAreAtThePortOfTheService) {
    const auto server = [](const std::string& line) {
        return accepted(line).server.value_or(model::Endpoint{}).text();
    };
    EXPECT_EQ(server("-a -t 1.2.3.4:80 -r 1.2.3.5 -m"), "1.2.3.5:80");
    EXPECT_EQ(server("-a -r 1.2.3.5 -m -t 1.2.3.4:80"), "1.2.3.5:80");
    EXPECT_EQ(server("-a -t 1.2.3.4:80 -r 1.2.3.5:8080 -m"), "1.2.3.5:8080");
    EXPECT_EQ(server("-a -t 1.2.3.4:80 -r 1.2.3.5:8080 -g"), "1.2.3.5:80");
    EXPECT_EQ(server("-d -t 1.2.3.4:80 -r 1.2.3.5:8080"), "1.2.3.5:8080");
    EXPECT_EQ(server("-a -f 7 -r 1.2.3.5 -g"), "1.2.3.5:0");
}

TEST(CommandLine, EveryCommandHasItsOptions) {
    expect_verdicts({
        {"-A", "2 You need to supply the 'service-address' option for the 'add-service' command"},
        {"-D",
         "2 You need to supply the 'service-address' option for the 'delete-service' command"},
        {"-a -t 1.1.1.1:80 -m",
         "2 You need to supply the 'real-server' option for the 'add-server' command"},
        {"-d -t 1.1.1.1:80",
         "2 You need to supply the 'real-server' option for the 'delete-server' command"},
        {"-a -s rr",
         "2 You need to supply the 'service-address' option for the 'add-server' command"},
        {"-a -n", "2 Illegal 'numeric' option with the 'add-server' command"},
        {"-A -t 1.1.1.1:80 -s rr -w 5", "2 Illegal 'weight' option with the 'add-service' command"},
        {"-C -n", "2 Illegal 'numeric' option with the 'flush' command"},
        {"-C --sort", "0"},
        {"-SX", "2 Illegal 'exact' option with the 'save' command"},
        {"-Rn", "2 Illegal 'numeric' option with the 'restore' command"},
        {"-Z -t 1.1.1.1:80", "0"},
        {"-L --syncid 3", "0"},
        {"-A -t 1.1.1.1:82 -u 1.1.1.1:82", "2 multiple 'service-address' options specified"},
        {"-L -n -n", "2 multiple 'numeric' options specified"},
    });
}

TEST(CommandLine, ListsShowOneThing) {
    constexpr const char* kConflict = "2 options conflicts in the list command";
    expect_verdicts({
        {"-L --daemon --timeout",
         "2 The option 'daemon' conflicts with the 'timeout' option in the 'list' command"},
        {"-L -c -t 1.1.1.1:80",
         "2 The option 'service-address' conflicts with the 'connection' option in the 'list' "
         "command"},
        {"-L -c --stats", kConflict},
        {"-L --timeout --persistent-conn", kConflict},
        {"-L -c --persistent-conn", "0"},
        {"-L --stats --rate", "0"},
        {"-L --timeout -n --exact --nosort --sort", "0"},
    });
}

TEST(CommandLine, SetTakesThreeTimeouts) {
    expect_verdicts({
        {"--set 1 2", "2 --set option requires 3 timeout values"},
        {"--set a b c", "2 invalid timeout value `a' specified"},
        {"--set 1 2 99999999", "2 invalid timeout value `99999999' specified"},
        {"--set 1 2 3 4", "2 unexpected argument 4"},
        {"--set -1 2 3", "255 -1: unknown option"},
        {"--set 1 2 3 -n", "2 Illegal 'numeric' option with the 'set' command"},
    });
    const auto timeouts = accepted("--set 2678400 0 30").timeouts;
    EXPECT_EQ(timeouts.tcp, std::chrono::days(31));
    EXPECT_EQ(timeouts.tcp_fin.count(), 0);
    EXPECT_EQ(timeouts.udp.count(), 30);
}

TEST(CommandLine, DaemonOptionsAreChecked) {
    expect_verdicts({
        {"--start-daemon nosuch", "2 illegal start-daemon parameter specified"},
        {"--stop-daemon nosuch", "2 illegal start_daemon specified"},
        {"--start-daemon master --mcast-interface d0 --syncid 255", "0"},
        {"--start-daemon master --syncid 256", "2 illegal syncid specified"},
        {"--start-daemon master --mcast-interface d0 --sync-maxlen 70000",
         "2 illegal sync-maxlen specified"},
        {"--start-daemon master --mcast-port 0", "2 illegal mcast-port specified"},
        {"--start-daemon master --mcast-ttl 256", "2 illegal mcast-ttl specified"},
        {"--start-daemon master --mcast-group 10.0.0.1", "2 invalid IPv4 mcast-group `10.0.0.1'"},
        {"--start-daemon master --mcast-group fd00::1", "2 invalid IPv6 mcast-group `fd00::1'"},
        {"--start-daemon backup --mcast-group ff02::1", "0"},
    });
    EXPECT_EQ(accepted("--stop-daemon backup --syncid 3").daemon, DaemonRole::Backup);
}

}  // namespace
}  // namespace isobar::ipvsadm
