// SPDX-License-Identifier: Apache-2.0
// Programs that check, and some that do not want to end. /bin/sh is a program like any other here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <csignal>

#include <boost/asio/io_context.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "base/temporary_folder.h"
#include "health/checker.h"
#include "health/probe_fixture.h"
#include "health/program_arguments.h"
#include "health/test_servers.h"

namespace isobar::health {
namespace {

using Kind = Outcome::Kind;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

const model::Endpoint kServer{model::Address::v4(192, 168, 10, 100), 80};

std::string me() {
    return ::geteuid() == 0 ? "nobody" : ::getlogin() ? ::getlogin() : "nobody";
}

model::ProgramProbe program(std::vector<std::string> command) {
    model::ProgramProbe probe;
    probe.command = std::move(command);
    probe.user = me();
    return probe;
}
model::ProgramProbe shell(const std::string& script) {
    return program({"/bin/sh", "-c", script});
}

Outcome run(model::ProgramProbe probe, milliseconds timeout = std::chrono::seconds(5)) {
    return outcome_of_one(kServer, std::move(probe), timeout);
}

bool is_gone(pid_t pid) {
    if (::kill(pid, 0) != 0) return true;
    // A zombie, until the one who inherited it looks.
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    return text.find(") Z ") != std::string::npos;
}

bool soon_gone(pid_t pid) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!is_gone(pid)) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        ::usleep(1000);
    }
    return true;
}

TEST(ProgramProbe, ExitCodeZeroIsGood) {
    EXPECT_EQ(run(program({"/bin/true"})).kind, Kind::Good);
    const Outcome outcome = run(shell("echo cannot connect >&2; exit 3"));
    EXPECT_EQ(outcome.kind, Kind::Bad);
    EXPECT_EQ(outcome.reason, "exit code 3: cannot connect");
}

TEST(ProgramProbe, ItsOutputMustBeWhatIsExpected) {
    model::ProgramProbe probe = shell("echo OK; exit 1");
    probe.expect = "OK";
    EXPECT_EQ(run(probe).kind, Kind::Good);  // exit codes do not matter then
    probe.expect = "OK, too";
    EXPECT_EQ(run(probe).reason, "output 'OK', wanted 'OK, too'");
}

TEST(ProgramProbe, OneThatDiesHasNotSaidYes) {
    model::ProgramProbe probe = shell("echo OK; kill -SEGV $$");
    probe.expect = "OK";
    const Outcome outcome = run(probe);
    EXPECT_EQ(outcome.kind, Kind::Bad);
    EXPECT_EQ(outcome.reason, "killed by SIGSEGV");
}

TEST(ProgramProbe, OneThatHangsIsKilledWithAllItsChildren) {
    const TemporaryFolder folder;
    std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
    const std::string file = folder.path() / "pids";
    model::ProgramProbe probe =
        shell("trap '' TERM HUP INT; (trap '' TERM; sleep 1000) & echo $$ $! >" + file +
              ".new; mv " + file + ".new " + file + "; echo OK; wait");
    probe.expect = "OK";

    const Outcome outcome = run(probe, milliseconds(500));

    EXPECT_EQ(outcome.kind, Kind::Bad);
    EXPECT_EQ(outcome.reason, "no result within 500ms");
    std::ifstream pids(file);
    pid_t leader = 0;
    pid_t child = 0;
    ASSERT_TRUE(pids >> leader >> child);
    EXPECT_TRUE(soon_gone(leader));
    EXPECT_TRUE(soon_gone(child));
}

TEST(ProgramProbe, OneThatLeavesAChildWithItsOutputIsNotWaitedFor) {
    const Outcome outcome = run(shell("sleep 1000 & exit 0"));
    EXPECT_EQ(outcome.kind, Kind::Good);
    EXPECT_LT(outcome.took, std::chrono::seconds(3));
}

TEST(ProgramProbe, OneThatTalksTooMuchIsCutShort) {
    model::ProgramProbe probe = shell("head -c 1000000 /dev/zero; echo; echo done >&2; exit 1");
    const Tried tried = try_once(subject_of(kServer, probe));
    EXPECT_EQ(tried.outcome.reason, "exit code 1: done");
    EXPECT_LT(tried.transcript.size(), 20000U);
}

TEST(ProgramProbe, MayPrintALoad) {
    model::ProgramProbe probe = shell("echo ' 1:17 up 11:00,  load average: 0.58, 0.85, 1.79'");
    probe.prints_load = true;
    EXPECT_EQ(run(probe).load, 0.58);
    probe = shell("echo 'www1  down   1:20'");
    probe.prints_load = true;
    EXPECT_EQ(run(probe).reason, "no load in 'www1  down   1:20'");
    probe = shell("echo 'load average: 0.58'; exit 255");
    probe.prints_load = true;
    EXPECT_EQ(run(probe).kind, Kind::Bad);
}

TEST(ProgramProbe, ExitCodesMayBeWeights) {
    model::ProgramProbe probe = shell("exit 12");
    EXPECT_EQ(run(probe).kind, Kind::Bad);
    probe.sets_weight = true;
    const Outcome outcome = run(probe);
    EXPECT_EQ(outcome.kind, Kind::Good);
    EXPECT_EQ(outcome.weight, 10U);
    probe = shell("exit 1");
    probe.sets_weight = true;
    EXPECT_EQ(run(probe).kind, Kind::Bad);
}

TEST(ProgramProbe, TheWeightReachesTheStateAndTheCaller) {
    boost::asio::io_context loop{1};
    std::vector<std::optional<std::uint32_t>> weights;
    Checker checker(loop,
                    [&](const Subject&, const State& state) { weights.push_back(state.weight); });
    model::ProgramProbe probe = shell("exit 7");
    probe.sets_weight = true;
    const Subject subject = subject_of(kServer, probe);
    checker.follow({subject});
    checker.check_now(subject);

    EXPECT_TRUE(run_until(loop, [&] { return !weights.empty(); }));
    EXPECT_EQ(checker.state(subject)->weight, 5U);
    EXPECT_THAT(weights, ElementsAre(5U));
}

TEST(ProgramProbe, IsNotMadeWithoutTheProgramOrTheUser) {
    Outcome outcome = run(program({"/no/such/program"}));
    EXPECT_EQ(outcome.kind, Kind::NotMade);
    EXPECT_EQ(outcome.reason, "/no/such/program: cannot run it: No such file or directory");
    model::ProgramProbe probe = shell("exit 0");
    probe.user = "nobody-of-that-name";
    outcome = run(probe);
    EXPECT_EQ(outcome.kind, Kind::NotMade);
    EXPECT_EQ(outcome.reason, "user 'nobody-of-that-name': no such user");
}

TEST(ProgramProbe, RunsAsItsUserWithNothingOfOurs) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    const int open_one = ::dup(0);  // not closed on exec
    model::ProgramProbe probe = shell(
        "id -u; id -G; ls /proc/self/fd | wc -l; grep -h -E '^(NoNewPrivs|CapEff|CapPrm|SigIgn)' "
        "/proc/self/status; env | grep -v -E '^(PWD|OLDPWD|SHLVL|_)='; pwd");
    const Tried tried = try_once(subject_of(kServer, probe));
    ::close(open_one);

    EXPECT_THAT(tried.transcript,
                HasSubstr("< 65534\\n\n< 65534\\n\n"  // nobody, nogroup
                          "< 4\\n\n"                  // 0 to 2, and the folder that ls reads
                          "< SigIgn:\\t0000000000000000\\n\n< CapPrm:\\t0000000000000000\\n\n"
                          "< CapEff:\\t0000000000000000\\n\n< NoNewPrivs:\\t1\\n\n"
                          "< PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\\n\n"
                          "< /\\n\n"));
}

TEST(ProgramProbe, ArgumentsAreNeverReadByAShell) {
    model::ProgramProbe probe = program({"/bin/echo", "$(id)", "%h;%p", "a b"});
    probe.expect = "$(id) 192.168.10.100;80 a b";
    EXPECT_EQ(run(probe).kind, Kind::Good);
}

TEST(ProgramArguments, AreFilledInByWholeWords) {
    const model::Endpoint server{*model::Address::parse("fd00::1"), 8080};
    EXPECT_THAT(
        fill_in({"/x/%h", "%h", "%p", "http://[%h]:%p/", "%hello", "100%p", "%%h", "%", "%p_"},
                server),
        ElementsAre("/x/fd00::1", "fd00::1", "8080", "http://[fd00::1]:8080/", "%hello", "100%p",
                    "%%h", "%", "%p_"));
}

}  // namespace
}  // namespace isobar::health
