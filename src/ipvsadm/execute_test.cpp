// SPDX-License-Identifier: Apache-2.0
// Whole command lines against a kernel in memory: what is printed where, and the exit code.
// What is not of a later version was recorded from ipvsadm 1.31 on the kernel's IPVS.
#include "ipvsadm/execute.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string_view>

#include "ipvsadm/help.h"
#include "ipvsadm/test_doubles.h"

namespace isobar::ipvsadm {
namespace {

struct Outcome {
    int exit_code = 0;
    std::string out;
    std::string err;

    bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& stream, const Outcome& outcome) {
    return stream << "exit " << outcome.exit_code << "\nout: " << outcome.out
                  << "\nerr: " << outcome.err;
}

constexpr std::string_view kHeader =
    "IP Virtual Server version 1.2.1 (size=4096)\n"
    "Prot LocalAddress:Port Scheduler Flags\n"
    "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";

class Execute : public testing::Test {
protected:
    Outcome run(const std::string& line, const std::string& input = "") {
        std::istringstream words_in(line);
        std::vector<std::string> words;
        for (std::string word; words_in >> word;) words.push_back(word);

        MemoryKernel kernel(table);
        FixedNames names;
        std::istringstream in(input);
        std::ostringstream out;
        std::ostringstream err;
        const int exit_code = execute("ipvsadm", words, kernel, names, {in, out, err});
        return {exit_code, out.str(), err.str()};
    }
    void given(std::initializer_list<const char*> lines) {
        for (const char* line : lines) ASSERT_EQ(run(line), Outcome{}) << line;
    }
    // "255 message", "0"
    std::string verdict(const std::string& line) {
        const auto [exit_code, out, err] = run(line);
        EXPECT_EQ(out, "") << line;
        if (err.empty()) return std::to_string(exit_code);
        return std::to_string(exit_code) + " " + err.substr(0, err.size() - 1);
    }
    std::string rules() { return run("-S -n").out; }

    MemoryTable table;
};

TEST_F(Execute, RefusalsOfTheKernelSoundLikeIpvsadm) {
    given({"-A -t 10.0.1.100:80 -s rr", "-a -t 10.0.1.100:80 -r 10.0.2.11:8080 -m"});

    struct Case {
        const char* line;
        const char* verdict;
    };
    for (const auto& [line, expected] : {
             Case{"-A -t 10.0.1.100:80 -s rr", "255 Service already exists"},
             Case{"-A -t 10.0.1.100:http", "255 Service already exists"},
             Case{"-A -t 10.0.1.100:81 -s nosuch", "255 Scheduler or persistence engine not found"},
             Case{"-A -t 10.0.1.100:80 -s nosuch", "255 Service already exists"},
             Case{"-E -t 10.0.1.100:84 -s nosuch", "255 No such service"},
             Case{"-E -t 10.0.1.100:80 -s nosuch", "255 Scheduler or persistence engine not found"},
             Case{"-A -t 10.0.1.100:83 --pe nosuch",
                  "255 Scheduler or persistence engine not found"},
             Case{"-A -t 10.0.1.100:80 --pe nosuch", "255 Service already exists"},
             Case{"-A -t 224.0.0.1:80",
                  "255 Invalid operation.  Possibly wrong module version, address not unicast, "
                  "..."},
             Case{"-E -t 10.0.1.100:84 -s rr", "255 No such service"},
             Case{"-D -t 10.0.1.100:84", "255 No such service"},
             Case{"-D -u 10.0.1.100:80", "255 No such service"},
             Case{"-a -t 10.0.1.100:84 -r 10.0.2.11 -m", "255 Service not defined"},
             Case{"-a -t 10.0.1.100:80 -r 10.0.2.11:8080 -m", "255 Destination already exists"},
             Case{"-e -t 10.0.1.100:80 -r 10.0.2.95 -m", "255 No such destination"},
             Case{"-e -t 10.0.1.100:84 -r 10.0.2.95 -m", "255 Service not defined"},
             Case{"-d -t 10.0.1.100:80 -r 10.0.2.95", "255 No such destination"},
             Case{"-d -t 10.0.1.100:84 -r 10.0.2.95", "255 Service not defined"},
             Case{"-Z -t 10.0.1.100:85", "255 No such service"},
             Case{"-L -t 10.0.1.100:85", "1 No such service"},
             Case{"--stop-daemon master", "255 No daemon is running"},
         }) {
        EXPECT_EQ(verdict(line), expected) << line;
    }
    EXPECT_EQ(rules(),
              "-A -t 10.0.1.100:80 -s rr\n"
              "-a -t 10.0.1.100:80 -r 10.0.2.11:8080 -m -w 1\n");
}

TEST_F(Execute, ServicesByMarkAreListedAndSavedAsIpvsadmDoes) {
    given({"-A -t 10.0.1.100:80 -s rr", "-A -f 5 -s rr -p 60", "-a -f 5 -r 10.0.2.11"});

    EXPECT_EQ(rules(),
              "-A -t 10.0.1.100:80 -s rr\n"
              "-A -f 5 -s rr -p 60\n"
              "-a -f 5 -r 10.0.2.11:0 -g -w 1\n");
    EXPECT_EQ(verdict("-A -f 5"), "255 Service already exists");
    EXPECT_EQ(verdict("-D -f 7"), "255 No such service");
    EXPECT_EQ(verdict("-L -f 8"), "1 No such service");
    EXPECT_EQ(verdict("-d -f 5 -r 10.0.2.11"), "0");
}

TEST_F(Execute, MarksThatCannotBeFollowedAreNamed) {
    table.untold = {"nft rule ip mangle pre handle 2"};

    EXPECT_EQ(
        verdict("-A -f 5"),
        "0 isobar-ipvsadm: warning: nft rule ip mangle pre handle 2: its marks are not followed");
}

TEST_F(Execute, WhatComesLaterIsRefusedInOneSentence) {
    given({"-A -t 10.0.1.100:80 -s rr"});

    struct Case {
        const char* line;
        const char* what;
    };
    for (const auto& [line, what] : {
             Case{"--start-daemon master", "the connection synchronisation daemon comes"},
         }) {
        EXPECT_EQ(verdict(line),
                  "255 isobar-ipvsadm: " + std::string(what) + " with a later version of Isobar")
            << line;
    }
    EXPECT_EQ(rules(), "-A -t 10.0.1.100:80 -s rr\n");
}

TEST_F(Execute, SctpServicesAreListedAndSaved) {
    given({"-A --sctp-service 10.0.1.100:9 -s nq",
           "-a --sctp-service 10.0.1.100:9 -r 10.0.2.11:9 -m"});

    EXPECT_EQ(rules(),
              "-A --sctp-service 10.0.1.100:9 -s nq\n"
              "-a --sctp-service 10.0.1.100:9 -r 10.0.2.11:9 -m -w 1\n");
    EXPECT_NE(run("-L -n").out.find("\nSCTP 10.0.1.100:9 nq\n"), std::string::npos);
    EXPECT_EQ(verdict("-D --sctp-service 10.0.1.100:9"), "0");
}

TEST_F(Execute, OnePacketSchedulingIsListedSavedAndEdited) {
    given({"-A -u 10.0.1.100:53 -s rr -o", "-A -u 10.0.1.100:54 -s sh --ops -p 60 -b sh-port"});

    EXPECT_EQ(rules(),
              "-A -u 10.0.1.100:53 -s rr -o\n"
              "-A -u 10.0.1.100:54 -s sh -p 60 -o -b sh-port\n");
    EXPECT_NE(run("-L -n").out.find("\nUDP  10.0.1.100:54 sh (sh-port) persistent 60 ops\n"),
              std::string::npos);
    given({"-E -u 10.0.1.100:53 -s rr"});
    EXPECT_TRUE(rules().starts_with("-A -u 10.0.1.100:53 -s rr\n"));
    EXPECT_EQ(verdict("-A -t 10.0.1.100:53 -o"),
              "2 One-Packet Scheduling is only for UDP virtual services");
}

TEST_F(Execute, ThePersistenceEngineIsListedSavedAndEdited) {
    given({"-A -u 10.0.1.100:5060 -s rr -p 60 -M 255.255.255.0 --pe sip -o",
           "-A -t 10.0.1.100:83 --pe sip"});

    EXPECT_EQ(rules(),
              "-A -t 10.0.1.100:83 -s wlc --pe sip\n"
              "-A -u 10.0.1.100:5060 -s rr -p 60 -M 255.255.255.0 --pe sip -o\n");
    EXPECT_NE(run("-L -n").out.find(
                  "\nUDP  10.0.1.100:5060 rr persistent 60 mask 255.255.255.0 pe sip ops\n"),
              std::string::npos);
    // as ipvsadm: not without persistence
    EXPECT_NE(run("-L -n").out.find("\nTCP  10.0.1.100:83 wlc\n"), std::string::npos);
    given({"-E -u 10.0.1.100:5060 -s rr -p 60", "-E -t 10.0.1.100:83 --pe sip -s rr"});
    EXPECT_EQ(rules(), "-A -t 10.0.1.100:83 -s rr --pe sip\n-A -u 10.0.1.100:5060 -s rr -p 60\n");
}

TEST_F(Execute, FullNatIsListedSavedAndEdited) {
    given({"-A -t 10.0.1.100:80 -s rr --local-address 10.0.2.1,10.0.2.2 --local-ports 2000-3000",
           "-a -t 10.0.1.100:80 -r 10.0.2.11:8080 --fullnat",
           "-A -t [fd00::1]:80 --local-address fd00::2",
           "-a -t [fd00::1]:80 -r [fd00::3]:80 --fullnat"});

    EXPECT_EQ(rules(),
              "-A -t 10.0.1.100:80 -s rr --local-address 10.0.2.1,10.0.2.2"
              " --local-ports 2000-3000\n"
              "-a -t 10.0.1.100:80 -r 10.0.2.11:8080 --fullnat -w 1\n"
              "-A -t [fd00::1]:80 -s wlc --local-address fd00::2\n"
              "-a -t [fd00::1]:80 -r [fd00::3]:80 --fullnat -w 1\n");
    EXPECT_NE(run("-L -n").out.find("  -> 10.0.2.11:8080               FullNat 1      "),
              std::string::npos);
    given({"-E -t 10.0.1.100:80 --local-address 10.0.2.1"});
    EXPECT_TRUE(rules().starts_with("-A -t 10.0.1.100:80 -s wlc --local-address 10.0.2.1\n"));
}

TEST_F(Execute, OptionsOfFullNatAreChecked) {
    for (const char* address : {"10.0.2.1,", ",", "10.0.2", "name", "10.0.2.1:5", "[fd00::1]"})
        EXPECT_EQ(verdict(std::string("-A -t 1.2.3.4:80 --local-address ") + address),
                  "2 illegal local-address specified")
            << address;
    for (const char* ports : {"0-5", "5-4", "5-", "-5", "5-65536", "x"})
        EXPECT_EQ(verdict(std::string("-A -t 1.2.3.4:80 --local-ports=") + ports),
                  "2 illegal local-ports specified")
            << ports;
    EXPECT_EQ(verdict("-a -t 1.2.3.4:80 -r 1.2.3.5 --fullnat -m"),
              "2 multiple 'forwarding-method' options specified");
    EXPECT_EQ(verdict("-a -t 1.2.3.4:80 -r 1.2.3.5 --fullnat --tun-type gre"),
              "2 Tunnel options conflict with forward method");
    EXPECT_EQ(verdict("-a -t 1.2.3.4:80 -r 1.2.3.5 --local-address 1.2.3.6"),
              "2 Illegal 'local-address' option with the 'add-server' command");
}

TEST_F(Execute, MistakesComeBeforeTheRefusalOfWhatComesLater) {
    EXPECT_EQ(verdict("-A -t 1.2.3.4:80 -p 60 -w 1"),
              "2 Illegal 'weight' option with the 'add-service' command");
    EXPECT_EQ(verdict("-A -u 1.2.3.4:84 -p 31536001"),
              "2 invalid timeout value `31536001' specified");
}

TEST_F(Execute, PersistenceIsSetAndForgottenByEdits) {
    given({"-A -t 1.2.3.4:80 -s rr -p 86400", "-A -t 1.2.3.4:81 -M 255.255.0.0 -p 60",
           "-A -t 1.2.3.4:82 -p -M 0.0.0.0", "-A -u 1.2.3.4 -p 60 -M 255.255.255.255"});
    EXPECT_EQ(rules(),
              "-A -t 1.2.3.4:80 -s rr -p 86400\n-A -t 1.2.3.4:81 -s wlc -p 60 -M 255.255.0.0\n"
              "-A -t 1.2.3.4:82 -s wlc -p 360 -M 0.0.0.0\n-A -u 1.2.3.4:0 -s wlc -p 60\n");
    given({"-E -t 1.2.3.4:80 -s rr -p 7 -M 255.255.255.0", "-E -t 1.2.3.4:81 -p 60",
           "-E -t 1.2.3.4:82"});
    EXPECT_EQ(rules(),
              "-A -t 1.2.3.4:80 -s rr -p 7 -M 255.255.255.0\n-A -t 1.2.3.4:81 -s wlc -p 60\n"
              "-A -t 1.2.3.4:82 -s wlc\n-A -u 1.2.3.4:0 -s wlc -p 60\n");
}

TEST_F(Execute, AMaskWithHolesIsRefusedWhereItWouldCount) {
    given({"-A -t 1.2.3.4:80 -M 255.0.255.0"});
    EXPECT_EQ(verdict("-A -t 1.2.3.4:81 -p 60 -M 255.0.255.0"),
              "255 isobar-ipvsadm: a netmask with holes in it (-M) is not supported");
    EXPECT_EQ(rules(), "-A -t 1.2.3.4:80 -s wlc\n");
}

TEST_F(Execute, ThresholdsAreSetAndForgottenByEdits) {
    const auto thresholds = [&] { return run("-L -n --thresholds -t 1.2.3.4:80").out; };
    given({"-A -t 1.2.3.4:80 -s rr", "-a -t 1.2.3.4:80 -r 1.2.3.5 -m -x 100 -y 50"});
    EXPECT_NE(thresholds().find("1.2.3.5:80                   100        50 "), std::string::npos)
        << thresholds();
    given({"-e -t 1.2.3.4:80 -r 1.2.3.5 -m -w 7 -x 9"});
    EXPECT_NE(thresholds().find("1.2.3.5:80                   9          0 "), std::string::npos)
        << thresholds();
    given({"-e -t 1.2.3.4:80 -r 1.2.3.5 -m -w 7"});
    EXPECT_NE(thresholds().find("1.2.3.5:80                   0          0 "), std::string::npos)
        << thresholds();
}

TEST_F(Execute, TunnelsOfBothFamiliesAndTheirChecksumsAreKeptListedAndSaved) {
    given({"-A -t [fd00::2]:80",
           "-a -t [fd00::2]:80 -r [fd00::9]:80 -i --tun-type gue --tun-port 6080 --tun-csum",
           "-a -t [fd00::2]:80 -r [fd00::a]:80 -i --tun-type gue --tun-port 6080 --tun-remcsum",
           "-a -t [fd00::2]:80 -r 10.0.0.9 -i --tun-type gre --tun-csum"});
    EXPECT_EQ(rules(),
              "-A -t [fd00::2]:80 -s wlc\n"
              "-a -t [fd00::2]:80 -r [fd00::9]:80 -i -w 1 --tun-type gue --tun-port 6080 "
              "--tun-csum\n"
              "-a -t [fd00::2]:80 -r [fd00::a]:80 -i -w 1 --tun-type gue --tun-port 6080 "
              "--tun-remcsum\n"
              "-a -t [fd00::2]:80 -r 10.0.0.9:80 -i -w 1 --tun-type gre --tun-csum\n");
    const auto listing = run("-L -n --tun-info -t [fd00::2]:80").out;
    for (const auto* row : {"  -> [fd00::9]:80                 Tunnel  gue:6080:+c   1 ",
                            "  -> [fd00::a]:80                 Tunnel  gue:6080:r+c  1 ",
                            "  -> 10.0.0.9:80                  Tunnel  gre:+c        1 "})
        EXPECT_NE(listing.find(row), std::string::npos) << listing;

    given({"-e -t [fd00::2]:80 -r 10.0.0.9:80 -i"});
    EXPECT_NE(rules().find("-r 10.0.0.9:80 -i -w 1 --tun-type ipip\n"), std::string::npos);
}

// As `ipvsadm -S` and `-L` of 1.31 on Linux 6.1 print them.
TEST_F(Execute, ForwardingMethodsAreKeptListedAndSaved) {
    given({"-A -t 10.0.0.2:80", "-a -t 10.0.0.2:80 -r 10.0.0.1:8080 -m",
           "-a -t 10.0.0.2:80 -r 127.0.0.1",
           "-a -t 10.0.0.2:80 -r 10.0.0.9:99 -i --tun-type gue --tun-port 6080",
           "-a -t 10.0.0.2:80 -r 10.0.0.10 -i --tun-type gre",
           "-a -t 10.0.0.2:80 -r 10.0.0.11 -i -w 3"});
    EXPECT_EQ(rules(),
              "-A -t 10.0.0.2:80 -s wlc\n"
              "-a -t 10.0.0.2:80 -r 10.0.0.1:8080 -m -w 1\n"
              "-a -t 10.0.0.2:80 -r 10.0.0.9:80 -i -w 1 --tun-type gue --tun-port 6080 "
              "--tun-nocsum\n"
              "-a -t 10.0.0.2:80 -r 10.0.0.10:80 -i -w 1 --tun-type gre --tun-nocsum\n"
              "-a -t 10.0.0.2:80 -r 10.0.0.11:80 -i -w 3 --tun-type ipip\n"
              "-a -t 10.0.0.2:80 -r 127.0.0.1:80 -g -w 1\n");
    EXPECT_EQ(
        run("-L -n --tun-info -t 10.0.0.2:80").out,
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn "
        "InActConn\n"
        "TCP  10.0.0.2:80 wlc\n"
        "  -> 10.0.0.1:8080                Masq    n/a           1      0          0         \n"
        "  -> 10.0.0.9:80                  Tunnel  gue:6080:-c   1      0          0         \n"
        "  -> 10.0.0.10:80                 Tunnel  gre:-c        1      0          0         \n"
        "  -> 10.0.0.11:80                 Tunnel  ipip          3      0          0         \n"
        "  -> 127.0.0.1:80                 Route   n/a           1      0          0         "
        "\n");

    given({"-e -t 10.0.0.2:80 -r 10.0.0.9:80 -m"});
    EXPECT_NE(rules().find("-a -t 10.0.0.2:80 -r 10.0.0.9:80 -m -w 1\n"), std::string::npos);
}

TEST_F(Execute, ServicesAreChangedAndRemoved) {
    given({"-A -t 10.0.1.100:80", "-A -u localhost:53 -s rr",
           "-a -t 10.0.1.100:80 -r 10.0.2.11 -m -w 0", "-a -t 10.0.1.100:80 -r 10.0.2.12:81 -m",
           "-E -t 10.0.1.100:80 -s lc", "-e -t 10.0.1.100:80 -r 10.0.2.11 -m -w 2147483647",
           "-d -t 10.0.1.100:80 -r 10.0.2.12:81"});
    EXPECT_EQ(rules(),
              "-A -t 10.0.1.100:80 -s lc\n"
              "-a -t 10.0.1.100:80 -r 10.0.2.11:80 -m -w 2147483647\n"
              "-A -u 127.0.0.1:53 -s rr\n");

    given({"-D -u localhost:domain"});
    EXPECT_EQ(run("-S").out,
              "-A -t 10.0.1.100:http -s lc\n"
              "-a -t 10.0.1.100:http -r 10.0.2.11:http -m -w 2147483647\n");

    given({"-C"});
    EXPECT_EQ(run("-L -n"), (Outcome{0, std::string(kHeader), ""}));
    EXPECT_FALSE(table.exists);
}

TEST_F(Execute, ANamespaceWithoutStateIsEmptyAndStaysSo) {
    EXPECT_EQ(run(""), (Outcome{0, std::string(kHeader), ""}));
    EXPECT_EQ(run("-L -c"),
              (Outcome{0,
                       "IPVS connection entries\n"
                       "pro expire state       source             virtual            destination\n",
                       ""}));
    EXPECT_EQ(run("-L --timeout"), (Outcome{0, "Timeout (tcp tcpfin udp): 900 120 300\n", ""}));
    EXPECT_EQ(run("-L --daemon"), Outcome{});
    EXPECT_EQ(run("-S"), Outcome{});
    EXPECT_EQ(run("-C"), Outcome{});
    EXPECT_EQ(run("-Z"), Outcome{});
    EXPECT_EQ(run("-R"), Outcome{});
    EXPECT_EQ(verdict("-L -f 7"), "1 No such service");
    EXPECT_EQ(verdict("-L -t 10.0.1.100:80"), "1 No such service");
    EXPECT_EQ(verdict("-Z -t 10.0.1.100:80"), "255 No such service");
    EXPECT_EQ(verdict("-E -t 10.0.1.100:80"), "255 No such service");
    EXPECT_EQ(verdict("-D -t 10.0.1.100:80"), "255 No such service");
    EXPECT_EQ(verdict("-a -t 10.0.1.100:80 -r 10.0.2.11 -m"), "255 Service not defined");
    EXPECT_EQ(verdict("-d -t 10.0.1.100:80 -r 10.0.2.11"), "255 Service not defined");
    EXPECT_FALSE(table.exists);
}

TEST_F(Execute, AFirstServiceOrTimeoutMakesTheState) {
    given({"--set 100 20 30", "--set 0 0 0"});
    EXPECT_TRUE(table.exists);
    EXPECT_EQ(run("-L --timeout").out, "Timeout (tcp tcpfin udp): 100 20 30\n");
}

TEST_F(Execute, OneServiceIsListedWithoutTheVersion) {
    given({"-A -t 10.0.1.100:80", "-A -t 10.0.1.100:81", "-a -t 10.0.1.100:80 -r 10.0.2.11 -m"});
    EXPECT_EQ(run("-L -n -t 10.0.1.100:80").out,
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "TCP  10.0.1.100:80 wlc\n"
              "  -> 10.0.2.11:80                 Masq    1      0          0         \n");
    EXPECT_EQ(verdict("-L -u 10.0.1.100:80"), "1 No such service");
}

// As a server that has had 2 * 10^8 packets; listing_test.cpp has the other letters.
TEST_F(Execute, LargeCountersAreShortenedUnlessTheyShallBeExact) {
    given({"-A -t 10.0.1.100:80 -s rr"});
    table.services[0].traffic = {99'999'999, 200'000'000, 3'000'000'000, 450'000'000'000,
                                 600'000'000'000'000};
    const auto last_line = [&](const std::string& line) {
        const auto out = run(line).out;
        return out.substr(out.rfind("TCP"));
    };
    const std::string exact =
        "TCP  10.0.1.100:80                99999999 200000000 3000000000 450000000000 "
        "600000000000000\n";

    EXPECT_EQ(last_line("-L -n --stats"),
              "TCP  10.0.1.100:80                99999999  200000K    3000M     450G     600T\n");
    EXPECT_EQ(last_line("-L -n --stats --exact"), exact);
    EXPECT_EQ(last_line("-L -n --stats -X"), exact);
    EXPECT_EQ(last_line("-Ln --stats -t 10.0.1.100:80 -X"), exact);
}

TEST_F(Execute, CountersAreSetToZero) {
    given({"-A -t 10.0.1.100:80", "-A -t 10.0.1.100:81"});
    for (auto& service : table.services) service.traffic.connections = 7;

    given({"-Z -t 10.0.1.100:81"});
    EXPECT_EQ(table.services[0].traffic.connections, 0U);
    EXPECT_EQ(table.services[1].traffic.connections, 7U);

    given({"-Z"});
    EXPECT_EQ(table.services[1].traffic.connections, 0U);
}

TEST_F(Execute, WhoMayNotIsToldAsByIpvsadm) {
    table.open_error = Error{Fault::Permission, "no CAP_NET_ADMIN"};
    for (const char* line : {"-L", "-A -t 1.2.3.4:80", "-R", "-C"}) {
        EXPECT_EQ(
            run(line),
            (Outcome{2, "",
                     "Can't initialize ipvs: Permission denied (you must be root)\n"
                     "Are you sure that IP Virtual Server is built in the kernel or as module?\n"}))
            << line;
    }
    EXPECT_EQ(run("-v").exit_code, 0);
    EXPECT_EQ(run("-h").exit_code, 0);
}

TEST_F(Execute, AKernelThatCannotIsNamed) {
    table.open_error = Error{Fault::Unsupported, "this kernel has no BPF"};
    EXPECT_EQ(verdict("-L"), "2 isobar-ipvsadm: this kernel has no BPF");
}

TEST_F(Execute, FaultsOfTheDataPlaneHaveIpvsadmsWordsOrTheirOwn) {
    given({"-A -t 10.0.1.100:80"});
    const auto with = [&](Fault fault) {
        table.apply_error = Error{fault, "its own words"};
        return verdict("-A -t 10.0.1.100:81");
    };
    EXPECT_EQ(with(Fault::Permission), "255 Permission denied (you must be root)");
    EXPECT_EQ(with(Fault::Full), "255 Memory allocation problem: its own words");
    EXPECT_EQ(with(Fault::OutOfRange), "255 Numerical result out of range");
    EXPECT_EQ(with(Fault::Unsupported), "255 isobar-ipvsadm: its own words");
    EXPECT_EQ(with(Fault::System), "255 isobar-ipvsadm: its own words");
}

TEST_F(Execute, InterfacesThatAppearedLaterAreAttachedByEveryCall) {
    given({"-A -t 10.0.1.100:80"});
    table.attached = 0;

    run("-L");
    EXPECT_EQ(table.attached, 1U);

    table.attach_error = Error{Fault::System, "cannot attach to eth1: busy"};
    EXPECT_EQ(run("-L --timeout"),
              (Outcome{0, "Timeout (tcp tcpfin udp): 900 120 300\n",
                       "isobar-ipvsadm: warning: cannot attach to eth1: busy\n"}));

    // -C is about to detach them all.
    EXPECT_EQ(run("-C"), Outcome{});
    EXPECT_EQ(table.attached, 2U);
}

TEST_F(Execute, VersionIsThatOfIpvsadm) {
    EXPECT_EQ(run("-v"),
              (Outcome{0, "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n", ""}));
    EXPECT_EQ(run("--help").out, std::string(version_text()) + std::string(help_text()));
}

// ---- -R ----

TEST_F(Execute, RestoreReadsWhatSaveWrote) {
    given({"-A -t 10.0.1.100:80 -s wlc", "-a -t 10.0.1.100:80 -r 10.0.2.11:8080 -m -w 3",
           "-A -u 10.0.1.100:53 -s rr"});
    const auto saved = rules();
    given({"-C"});

    EXPECT_EQ(run("-R", saved), Outcome{});
    EXPECT_EQ(rules(), saved);
}

// As ipvsadm lists and saves them; flag-3 has no name with sh and mh.
TEST_F(Execute, SchedulerFlagsAreKeptListedAndSaved) {
    struct Case {
        const char* options;
        const char* listed;
        const char* saved;
    };
    for (const auto& [options, listed, saved] : {
             Case{"-s sh -b flag-1", "sh (sh-fallback)", "-s sh -b sh-fallback"},
             Case{"-s rr -b flag-3,flag-1", "rr (flag-1,flag-3)", "-s rr -b flag-1,flag-3"},
             Case{"-s sh -b sh-port,flag-3,sh-fallback", "sh (sh-fallback,sh-port)",
                  "-s sh -b sh-fallback,sh-port"},
             Case{"-s mh -b mh-port,flag-1", "mh (mh-fallback,mh-port)",
                  "-s mh -b mh-fallback,mh-port"},
             Case{"-s mh", "mh", "-s mh"},
         }) {
        const auto add = std::string("-A -t 10.0.1.100:80 ") + options;
        given({"-C", add.c_str()});
        EXPECT_EQ(rules(), std::string("-A -t 10.0.1.100:80 ") + saved + "\n");
        EXPECT_TRUE(
            run("-L -n").out.ends_with(std::string("\nTCP  10.0.1.100:80 ") + listed + "\n"));
    }
}

TEST_F(Execute, EditingAServiceReplacesItsFlags) {
    given({"-A -t 10.0.1.100:80 -s sh -b sh-port", "-E -t 10.0.1.100:80 -s sh"});
    EXPECT_EQ(rules(), "-A -t 10.0.1.100:80 -s sh\n");
    given({"-E -t 10.0.1.100:80 -s mh -b mh-port"});
    EXPECT_EQ(rules(), "-A -t 10.0.1.100:80 -s mh -b mh-port\n");
}

TEST_F(Execute, RestoreSkipsBlankLinesAndTheWordIpvsadm) {
    EXPECT_EQ(run("-R",
                  "\n \t \nipvsadm -A -t 1.1.1.1:80\n  -A\t-t 1.1.1.1:81  \r\nipvsadm\n"
                  "ipvsadm ipvsadm -A -t 1.1.1.1:82"),
              Outcome{});
    EXPECT_EQ(rules(),
              "-A -t 1.1.1.1:80 -s wlc\n-A -t 1.1.1.1:81 -s wlc\n-A -t 1.1.1.1:82 -s wlc\n");
}

TEST_F(Execute, RestoreGoesOnAfterARefusal) {
    EXPECT_EQ(run("-R", "-A -t 1.2.3.4:5 -s nosuch\n-A -t 1.2.3.4:6\n"),
              (Outcome{0, "", "Scheduler or persistence engine not found\n"}));
    EXPECT_EQ(run("-R", "-A -t 1.2.3.4:7\n-A -t 1.2.3.4:6\n"),
              (Outcome{255, "", "Service already exists\n"}));
    EXPECT_EQ(run("-R", "--start-daemon master\n-C\n-A -t 1.2.3.4:9\n"),
              (Outcome{0, "",
                       "isobar-ipvsadm: the connection synchronisation daemon comes with a later "
                       "version of Isobar\n"}));
    EXPECT_EQ(rules(), "-A -t 1.2.3.4:9 -s wlc\n");
}

TEST_F(Execute, RestoreEndsAtAMistake) {
    constexpr const char* kTry = "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n";
    struct Case {
        const char* line;
        Outcome outcome;
    };
    for (const auto& [line, outcome] : {
             Case{"garbage", {255, "", kTry}},
             Case{"# a comment", {255, "", kTry}},
             Case{"-R", {255, "", kTry}},
             Case{"--nosuch", {255, "", kTry}},
             Case{"-A -t bad", {2, "", "illegal virtual server address[:port] specified\n"}},
             Case{"-A -t \"1.1.1.1:80\"",
                  {2, "", "illegal virtual server address[:port] specified\n"}},
             Case{"-C extra", {2, "", "unexpected argument extra\n"}},
             Case{"foo -C", {2, "", "unexpected argument foo\n"}},
         }) {
        EXPECT_EQ(run("-R", std::string(line) + "\n-A -t 1.2.3.4:6\n"), outcome) << line;
        EXPECT_EQ(rules(), "") << line;
    }
}

TEST_F(Execute, RestoreGoesOnAfterAnUnknownOption) {
    EXPECT_EQ(run("-R", "-A --nosuch\n-A -t\n-A -t 1.2.3.4:6\n"),
              (Outcome{0, "", "--nosuch: unknown option\n-t: missing argument\n"}));
    EXPECT_EQ(run("-R", "-A --nosuch\n").exit_code, 255);
}

TEST_F(Execute, RestoreOpensTheStateOnce) {
    std::string lines;
    for (int service = 1; service <= 100; ++service) {
        lines += "-A -t 10.0.0.1:" + std::to_string(service) + "\n";
    }
    given({"-A -t 10.0.1.100:80"});
    table.opened = table.attached = 0;

    EXPECT_EQ(run("-R", lines), Outcome{});

    EXPECT_EQ(table.opened, 1U);
    EXPECT_EQ(table.attached, 1U);
    EXPECT_EQ(table.services.size(), 101U);
}

TEST_F(Execute, RestoreTriesOnceToMakeTheState) {
    table.create_error = Error{Fault::Unsupported, "this kernel has no BPF"};

    EXPECT_EQ(run("-R", "-A -t 1.2.3.4:5\n-A -t 1.2.3.4:6\n"),
              (Outcome{255, "",
                       "isobar-ipvsadm: this kernel has no BPF\n"
                       "isobar-ipvsadm: this kernel has no BPF\n"}));
    EXPECT_EQ(table.created, 1U);
}

TEST_F(Execute, RestoreListsTheServicesOnceToTellRefusalsApart) {
    given({"-A -t 1.2.3.4:5"});
    table.listed = 0;

    EXPECT_EQ(run("-R",
                  "-d -t 1.2.3.4:5 -r 1.1.1.1\n"
                  "-d -t 1.2.3.4:6 -r 1.1.1.1\n"
                  "-A -t 1.2.3.4:6\n"
                  "-d -t 1.2.3.4:6 -r 1.1.1.1\n"
                  "-D -t 1.2.3.4:5\n"
                  "-d -t 1.2.3.4:5 -r 1.1.1.1\n"
                  "-C\n"
                  "-d -t 1.2.3.4:6 -r 1.1.1.1\n")
                  .err,
              "No such destination\n"
              "Service not defined\n"
              "No such destination\n"
              "Service not defined\n"
              "Service not defined\n");
    EXPECT_EQ(table.listed, 1U);
}

TEST_F(Execute, RestoreOfHelpEndsThere) {
    const auto outcome = run("-R", "-v\n-A -t 1.2.3.4:6\n");
    EXPECT_EQ(outcome, (Outcome{0, std::string(version_text()), ""}));
    EXPECT_EQ(rules(), "");
}

// ---- switches ----

TEST_F(Execute, SwitchesAreSetAndPrintedByTheNamesOfTheirSysctls) {
    given({"--set-switch sloppy_tcp=1 net.ipv4.vs.drop_entry=3", "--set-switch amemthresh=50"});

    EXPECT_EQ(table.switches,
              (model::Switches{.sloppy_tcp = 1, .drop_entry = 3, .amemthresh = 50}));
    const auto printed = run("--switches");
    EXPECT_EQ(printed.exit_code, 0);
    EXPECT_TRUE(printed.out.starts_with("net.ipv4.vs.conn_reuse_mode = 1\n")) << printed.out;
    EXPECT_NE(printed.out.find("\nnet.ipv4.vs.drop_entry = 3\n"), std::string::npos);
}

TEST_F(Execute, WrongSwitchesChangeNothing) {
    EXPECT_EQ(verdict("--set-switch sloppy_tcp"), "2 `sloppy_tcp' is not NAME=VALUE");
    EXPECT_EQ(verdict("--set-switch cache_bypass=1"), "2 unknown switch `cache_bypass'");
    EXPECT_EQ(verdict("--set-switch sloppy_tcp=1 drop_entry=4"),
              "2 drop_entry: `4' is not within 0 to 3");
    EXPECT_EQ(verdict("--set-switch sloppy_tcp=1 -n"),
              "2 Illegal 'numeric' option with the 'set-switch' command");
    EXPECT_EQ(table.switches, model::Switches{});
}

}  // namespace
}  // namespace isobar::ipvsadm
