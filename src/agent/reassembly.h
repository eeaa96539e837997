// SPDX-License-Identifier: Apache-2.0
// Tunnels whose outer packets were cut up on their way: BPF sees pieces only and leaves them to the
// stack, which puts them together, for whom it knows. That are sockets of ours, which take the
// inner packet out and send it to the VIP, within this host. Rare packets, so a thread of its own
// may do: it does not wait when the agent waits.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "agent/settings.h"
#include "base/result.h"
#include "model/address.h"

namespace isobar::agent {

class Reassembly {
public:
    // Which sockets there are.
    struct Plan {
        std::set<Tunnel> tunnels;
        model::Port gue_port = 0;
        std::set<std::string> kernel_kinds;  // of devices that the kernel has for tunnels, and up
        bool operator==(const Plan&) const = default;
    };
    // Where the kernel has a device, it gets the packet anyway: there is no socket then.
    static Result<Reassembly> start(const Plan& plan);
    Reassembly(Reassembly&&) noexcept;
    Reassembly& operator=(Reassembly&&) noexcept;
    Reassembly(const Reassembly&) = delete;
    Reassembly& operator=(const Reassembly&) = delete;
    ~Reassembly();  // ends the thread

    // Packets for these VIPs that come in by these interfaces (ifindex); none before.
    void set_work(std::set<model::Address> vips, std::set<int> links);

    // Packets that were taken out.
    [[nodiscard]] std::uint64_t taken() const;

private:
    struct Worker;
    explicit Reassembly(std::unique_ptr<Worker> worker);
    std::unique_ptr<Worker> worker_;
};

}  // namespace isobar::agent
