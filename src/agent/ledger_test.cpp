// SPDX-License-Identifier: Apache-2.0
#include "agent/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace isobar::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Step kQuiet{StepKind::Sysctl, "arp_ignore", "1", ""};
const Step kVip{StepKind::Address, "lo", "10.0.0.2", ""};
const Step kFilters{StepKind::Filters, "eth0", "", ""};

// A host made of strings.
class FakeHost : public Host {
public:
    std::map<std::string, std::string> sysctls{{"arp_ignore", "0"}};
    std::set<std::string> things;  // "address lo 10.0.0.2"
    std::vector<std::string> log;
    std::string broken;  // applying or undoing this fails

    static std::string text(const Step& step) {
        return std::string(name(step.kind)) + " " + step.on + " " + step.value;
    }
    Result<Seen> look(const Step& step) override {
        if (step.kind == StepKind::Sysctl)
            return Seen{sysctls[step.on] == step.value, sysctls[step.on]};
        return Seen{step.kind != StepKind::Filters && things.contains(text(step)), ""};
    }
    Result<void> apply(const Step& step) override { return act("do ", step, true); }
    Result<void> undo(const Step& step) override { return act("undo ", step, false); }

private:
    Result<void> act(const std::string& verb, const Step& step, bool on) {
        log.push_back(verb + text(step));
        if (text(step) == broken) return failure(Fault::System, "broken: " + broken);
        if (step.kind == StepKind::Sysctl)
            sysctls[step.on] = on ? step.value : step.before;
        else if (on)
            things.insert(text(step));
        else
            things.erase(text(step));
        return {};
    }
};

class AgentLedger : public testing::Test {
protected:
    void SetUp() override {
        folder = std::filesystem::path(testing::TempDir()) /
                 ("isobar-ledger-" + std::to_string(::getpid()));
        std::filesystem::remove_all(folder);
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    [[nodiscard]] Ledger open() const { return Ledger::open(folder).value(); }
    [[nodiscard]] std::filesystem::path file() const { return folder / namespace_cookie().value(); }

    std::filesystem::path folder;
    FakeHost host;
};

TEST_F(AgentLedger, UndoesTheLastFirstAndTheVipBeforeAll) {
    Ledger ledger = open();
    for (const Step& step : {kVip, kFilters, kQuiet}) ASSERT_TRUE(ledger.ensure(host, step));
    host.log.clear();

    ASSERT_TRUE(ledger.undo_all(host));

    EXPECT_THAT(host.log, ElementsAre("undo address lo 10.0.0.2", "undo filters eth0 ",
                                      "undo sysctl arp_ignore 1"));
    EXPECT_EQ(host.sysctls["arp_ignore"], "0");
    EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(AgentLedger, WhatWasThereBeforeIsNotOurs) {
    host.things.insert("address lo 10.0.0.2");
    Ledger ledger = open();

    ASSERT_TRUE(ledger.ensure(host, kVip));
    ASSERT_TRUE(ledger.undo_all(host));

    EXPECT_THAT(host.log, IsEmpty());
}

TEST_F(AgentLedger, TheNextOneKeepsWhatItWantsTooAndUndoesTheRest) {
    {
        Ledger killed = open();
        for (const Step& step : {kQuiet, kFilters, kVip}) ASSERT_TRUE(killed.ensure(host, step));
    }
    host.log.clear();

    Ledger ledger = open();
    ASSERT_TRUE(ledger.ensure(host, kVip));
    ASSERT_TRUE(ledger.undo_others(host));
    EXPECT_THAT(host.log, ElementsAre("undo filters eth0 ", "undo sysctl arp_ignore 1"));

    ASSERT_TRUE(ledger.undo_all(host));
    EXPECT_THAT(host.things, IsEmpty());
}

TEST_F(AgentLedger, ASysctlGoesBackToWhatTheOperatorHad) {
    ASSERT_TRUE(open().ensure(host, kQuiet));

    Ledger ledger = open();
    ASSERT_TRUE(ledger.ensure(host, {StepKind::Sysctl, "arp_ignore", "8", ""}));
    ASSERT_TRUE(ledger.undo_others(host));
    EXPECT_EQ(host.sysctls["arp_ignore"], "8");

    ASSERT_TRUE(ledger.undo_all(host));
    EXPECT_EQ(host.sysctls["arp_ignore"], "0");
}

TEST_F(AgentLedger, AStepThatFailsIsNotRemembered) {
    host.broken = "address lo 10.0.0.2";
    Ledger ledger = open();

    EXPECT_EQ(ledger.ensure(host, kVip).error().message, "broken: address lo 10.0.0.2");

    EXPECT_THAT(ledger.steps(), IsEmpty());
}

TEST_F(AgentLedger, WhatCannotBeUndoneStaysWrittenDown) {
    {
        Ledger ledger = open();
        for (const Step& step : {kQuiet, kVip}) ASSERT_TRUE(ledger.ensure(host, step));
        host.broken = "address lo 10.0.0.2";

        EXPECT_THAT(ledger.undo_all(host).error().message, HasSubstr("broken: address"));
        EXPECT_EQ(host.sysctls["arp_ignore"], "0");
    }
    EXPECT_THAT(open().steps(), ElementsAre(kVip));
}

TEST_F(AgentLedger, OnlyOneAtATime) {
    const Ledger first = open();

    EXPECT_EQ(Ledger::open(folder).error().fault, Fault::Exists);
}

TEST_F(AgentLedger, AFileThatIsNotOursIsNotActedOn) {
    std::filesystem::create_directories(folder);
    std::ofstream(file()) << "rm -rf /\n";

    const auto opened = Ledger::open(folder);

    EXPECT_EQ(opened.error().message, file().string() + ": not written by isobar-agent");
}

TEST(AgentLedgerText, ComesBackAsItWas) {
    const std::vector<Step> steps{{StepKind::Sysctl, "net/ipv4/conf/eth0.5/rp_filter", "2", "1"},
                                  {StepKind::MakeLink, "tunl0", "", ""},
                                  {StepKind::RaiseLink, "tunl0", "", ""},
                                  {StepKind::Clsact, "eth0", "", ""},
                                  {StepKind::Filters, "eth0", "", ""},
                                  {StepKind::Address, "lo", "fd00::2", ""}};
    const std::string text = ledger_text(steps, "boot 1 netns 2");

    EXPECT_EQ(parse_ledger(text, "boot 1 netns 2").value(), steps);
    EXPECT_THAT(parse_ledger(text, "boot 1 netns 3").value(), IsEmpty());
}

TEST(AgentLedgerText, CutOffAnywhereItIsRefused) {
    const std::string text = ledger_text({kQuiet, kVip}, "here");
    for (std::size_t length = 0; length < text.size(); ++length)
        EXPECT_FALSE(parse_ledger(text.substr(0, length), "here")) << length;
    EXPECT_FALSE(parse_ledger(text + "more\n", "here"));
    EXPECT_FALSE(parse_ledger("isobar agent 1\nhere\nfire eth0 - -\nend 1\n", "here"));
    EXPECT_FALSE(parse_ledger("isobar agent 1\nhere\naddress lo\nend 1\n", "here"));
}

}  // namespace
}  // namespace isobar::agent
