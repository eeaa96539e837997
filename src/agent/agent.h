// SPDX-License-Identifier: Apache-2.0
// The agent of a real server: its host takes packets for the VIPs from the director, and
// keeps quiet about them. All of it is undone when the agent stops, or when the next one
// starts after it was killed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/kernel_host.h"
#include "agent/ledger.h"
#include "agent/netlink.h"
#include "agent/programs.h"
#include "agent/reassembly.h"
#include "agent/settings.h"
#include "base/result.h"

namespace isobar::agent {

// What was done before, and is not wanted now: by an earlier agent that was killed, or by this one.
// Kept while it is not known yet what all is wanted.
enum class Earlier : std::uint8_t { Undo, Keep };

class Agent {
public:
    // All is done, or nothing: what a failed start did is undone. Without a VIP there is nothing to
    // do yet.
    static Result<Agent> start(Settings settings, Ledger ledger, Earlier earlier = Earlier::Undo);

    // Other VIPs or tunnels; those that were wanted before, too, stay without a gap. What fails
    // leaves old and new side by side: to be tried again.
    Result<void> change(Settings settings, Earlier earlier);

    // Addresses or interfaces have changed: tells the programs, and takes in interfaces that
    // have come, or gone and come again.
    Result<void> refresh();
    // Undoes everything. The rest is undone even if a part cannot be.
    Result<void> stop();

    // For the log: "10.0.0.2 on lo; ARP quiet by sysctl; ipip by BPF on eth0".
    [[nodiscard]] std::string summary() const;
    // What the programs did: "3 packets taken out of a tunnel, ..."; empty: nothing.
    [[nodiscard]] std::string deeds() const;

private:
    Agent(Settings settings, Ledger ledger)
        : settings_(std::move(settings)), ledger_(std::move(ledger)) {}
    Result<void> do_all(Earlier earlier);
    Result<void> choose_interfaces();
    Result<void> choose_tunnel();
    Result<void> set_sysctls();
    [[nodiscard]] bool needs_programs() const;
    Result<void> load_programs();
    void drop_programs();
    Result<void> tell_programs();
    Result<void> attach_programs();
    void reassemble();
    Result<void> put_vips();
    [[nodiscard]] std::string home_of(const Vip& vip) const;
    [[nodiscard]] bool is_vip(const model::Address& address) const;
    [[nodiscard]] Programs::LinkFacts facts_of(const Link& link,
                                               const std::vector<HostAddress>& addresses) const;

    Settings settings_;
    Ledger ledger_;
    KernelHost host_;
    bool kernel_tunnel_ = false;
    std::vector<Link> interfaces_;         // where packets and ARP come in
    std::unique_ptr<Programs> programs_;   // host_ points there: it stays when the agent moves
    std::map<std::string, int> attached_;  // interface -> ifindex
    Reassembly::Plan reassembly_plan_;     // also if it could not be done
    std::optional<Reassembly> reassembly_;
    std::uint64_t reassembled_ = 0;  // by earlier ones
};

}  // namespace isobar::agent
