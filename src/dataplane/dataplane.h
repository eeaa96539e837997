// SPDX-License-Identifier: Apache-2.0
// The data plane of the network namespace this process is in: BPF programs on its
// interfaces and the state in their maps. The state belongs to the kernel, not to this
// object: it lives from the first change until clear() or the end of the namespace, and
// every process in the namespace that opens it sees the same. Needs root (CAP_BPF,
// CAP_NET_ADMIN, CAP_PERFMON). Not thread-safe; processes exclude each other by a lock
// on the namespace while they change something.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataplane/connection_walk.h"
#include "model/change.h"
#include "model/decision.h"
#include "model/service.h"

namespace isobar::dataplane {

// Which hook packets are caught at. Auto: XDP where the driver has it natively and it is
// a gain (physical and virtio interfaces), tc everywhere. Off: not at all; lo is never off,
// the state is found there.
enum class Hook : std::uint8_t { Auto, Xdp, Tc, Off };

// Sizes are fixed when the state is made; later openers take what they find. Both numbers of
// connections are powers of two, at least 1024.
struct Options {
    std::uint32_t connections = 65536;         // that the table has room for at first,
    std::uint32_t most_connections = 1048576;  // and that it may grow to
    std::uint32_t servers = 16384;
    std::uint32_t services = 4096;
    std::uint32_t maglev_services = 1024;  // at least so many may have the scheduler mh
};

struct InterfaceHooks {
    std::string interface;
    bool tc = false;
    bool xdp = false;
};

class Dataplane {
public:
    // The living state of this namespace; Fault::NotFound if there is none.
    static Result<Dataplane> open();
    // The same, or new state with the programs attached to every interface.
    static Result<Dataplane> open_or_create(const Options& options = {});

    Dataplane(const Dataplane&) = delete;
    Dataplane& operator=(const Dataplane&) = delete;
    Dataplane(Dataplane&&) noexcept;
    Dataplane& operator=(Dataplane&&) noexcept;
    ~Dataplane();

    // ---- change ----
    // All or none: the changes are checked in order first (Fault::Exists, NotFound,
    // Full, Unsupported, with the words of what failed), then made. Every service is
    // swapped from its old set of servers to its new one in a single store; packets go
    // on meanwhile. Removing a service removes its servers. A removed server keeps its
    // connections, and the same server added again gets them and its counters back.
    Result<void> apply(std::span<const model::Change> changes);
    // Zero fields keep their value. At most 31 days each.
    Result<void> set_timeouts(const model::Timeouts& timeouts);
    Result<void> set_switches(const model::Switches& switches);
    Result<void> set_locality(const model::LocalityExpiry& expiry);
    // Where new connections by NAT are taken for FTP's control connections; at most
    // model::kMostFtpPorts.
    Result<void> set_ftp_ports(std::span<const model::Port> ports);
    // Which packets bear a mark: those of named groups, and those that the host's packet filter
    // marks. In order: the first rule that fits counts, groups before the host's.
    Result<void> set_groups(std::span<const model::MarkRule> rules);
    Result<void> set_host_marks(std::span<const model::MarkRule> rules);
    // Ends the connections and templates of a server that has been removed: how many. With their
    // next packet, clients find what they would find without a director: over TCP, the reset of a
    // host that does not know them.
    Result<std::uint32_t> end_connections(const model::ServiceKey& service,
                                          const model::Endpoint& server);
    Result<void> zero_counters(const std::optional<model::ServiceKey>& service);

    // ---- read ----
    // Another number for each state that is made: whether this is the one that was seen before.
    [[nodiscard]] std::uint64_t identity() const;
    // Another number after each change of services and servers, whoever makes it.
    [[nodiscard]] std::uint32_t changes() const;
    // Connections whose time is over are retired first. Order: newest service first.
    Result<std::vector<model::ServiceStatus>> services();
    Result<std::vector<model::ConnectionStatus>> connections();
    // The same in steps; nothing is retired. `now` in jiffies. It must not outlive this.
    [[nodiscard]] ConnectionWalk walk(std::uint32_t now) const;
    // What it would do with the packet, `now` in jiffies; nothing is changed by that.
    Result<model::Decision> decide(const model::Question& question, std::uint32_t now);
    // The kernel's. The first time takes 20 ms: a program is loaded that tells them.
    Result<std::uint32_t> jiffies();
    [[nodiscard]] model::Timeouts timeouts() const;
    [[nodiscard]] model::Switches switches() const;
    [[nodiscard]] model::LocalityExpiry locality() const;
    [[nodiscard]] std::vector<model::Port> ftp_ports() const;
    [[nodiscard]] std::vector<model::MarkRule> groups() const;
    [[nodiscard]] std::vector<model::MarkRule> host_marks() const;
    // Are there services by a mark of the host?
    [[nodiscard]] bool uses_host_marks() const;
    Result<std::vector<model::VerdictCount>> verdicts() const;
    // What happens beside the way of packets: connections that ended early, and the like.
    Result<std::vector<model::EventCount>> events() const;
    // Records in use; for how many connections there is room now, and may be once.
    struct Capacity {
        std::uint32_t used = 0;
        std::uint32_t size = 0;
        std::uint32_t most = 0;
    };
    Result<Capacity> capacity();

    // ---- growth ----
    // What the connection table needs from time to time: to grow when it fills, to give back what
    // has drained. It does not grow by itself: isobard looks ten times a second.
    Result<void> tend();
    // For how many connections there is room now.
    [[nodiscard]] std::uint32_t room() const;
    // A power of two, at least 1024. What is larger already stays.
    Result<void> set_most_connections(std::uint32_t connections);

    // ---- interfaces ----
    // Attaches to every interface that has no program of ours yet and is not off. An interface
    // that refuses is named in the error; the others are attached all the same. This, set_hook,
    // upgrade and set_sysctl do nothing (Fault::NotFound) if somebody has cleared meanwhile.
    Result<void> attach_all();
    Result<void> set_hook(const std::string& interface, Hook hook);
    Result<std::vector<InterfaceHooks>> interfaces() const;
    // Replaces the programs by those of this build, if they differ; maps and packets go on.
    Result<void> upgrade();

    // The addresses of this host have changed: looks up again which real servers are this
    // host itself, and what tunnels to the others are from.
    Result<void> addresses_changed();

    // ---- what the director changes on its host ----
    // Sets net.* sysctls ("net.ipv4.ip_forward"), remembering the first value found.
    Result<void> set_sysctl(const std::string& name, const std::string& value);
    Result<void> restore_sysctls();

    // Detaches everything and restores the sysctls: no trace is left. The object is
    // empty afterwards.
    Result<void> clear();

private:
    struct Impl;
    explicit Dataplane(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace isobar::dataplane
