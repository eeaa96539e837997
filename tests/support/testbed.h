// SPDX-License-Identifier: Apache-2.0
// A director in a network namespace of its own, for tests that hand frames to the data
// plane's programs by BPF_PROG_TEST_RUN. Nothing is really sent: what a program made of a
// frame is returned.
//
//        client 10.0.0.100                    servers 192.168.10.100 .101 .102
//               |                                            |
//        outside: 10.0.0.1, VIP 10.0.0.2      inside: 192.168.10.1
//               +----------------- director -----------------+
//
// The calling thread is moved to the new namespace and stays there; the next Testbed moves
// it on. What fails in the set-up of a test throws.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/result.h"
#include "dataplane/dataplane.h"
#include "dataplane/growth.h"
#include "dataplane/maps.h"
#include "dataplane/programs.h"
#include "support/packet.h"

namespace isobar::test {

enum class Hook : std::uint8_t { Ingress, Egress, Xdp };
enum class Side : std::uint8_t { Outside, Inside };
enum class Action : std::uint8_t { Pass, Redirect, Drop, Unknown };

struct Host {
    V4 address = 0;
    Side side = Side::Outside;

    [[nodiscard]] Mac mac() const;
};

inline constexpr Host kClient{v4(10, 0, 0, 100), Side::Outside};
inline constexpr Host kServers[] = {{v4(192, 168, 10, 100), Side::Inside},
                                    {v4(192, 168, 10, 101), Side::Inside},
                                    {v4(192, 168, 10, 102), Side::Inside}};
inline constexpr V4 kVip = v4(10, 0, 0, 2);
inline constexpr V4 kOwnOutside = v4(10, 0, 0, 1);
inline constexpr V4 kOwnInside = v4(192, 168, 10, 1);

// The director's own MAC address on that side.
Mac own_mac(Side side);

// A frame as it arrives at the director, and as the program leaves it behind: at tc the
// kernel puts in the MAC addresses later, so they are still those of arrival.
Bytes arriving(const Host& from, const Bytes& packet);
// The same on its way to lo, whose MAC address is all zeros.
Bytes to_lo(const Host& from, const Bytes& packet);
Bytes leaving(Hook hook, const Host& from, const Host& to, const Bytes& packet);

model::ServiceKey service(model::Protocol protocol, model::Port port, V4 address = kVip);
model::Endpoint endpoint(V4 address, model::Port port);

// The programs' raw answer.
struct Run {
    Action action = Action::Unknown;
    Bytes frame;
};

struct Outcome {
    isobar_verdict verdict = ISOBAR_VERDICTS;  // ISOBAR_VERDICTS: not exactly one was counted
    Action action = Action::Unknown;
    Bytes frame;
};

const char* name(isobar_verdict verdict);

class Testbed {
public:
    struct Sizes {
        std::uint32_t connections = 1024;       // at first; the table grows to
        std::uint32_t most_connections = 1024;  // so many if it is told to
        std::uint32_t servers = 128;

        auto operator<=>(const Sizes&) const = default;
    };
    // The programs are attached to both interfaces (XDP too), in a network namespace of its own;
    // no service is made, nothing counted.
    static Result<Testbed> make(const Sizes& sizes);
    static Result<Testbed> make() { return make(Sizes{}); }

    // Hands a frame to the hook's program as if it had arrived on (Egress: were leaving by)
    // that side. `segment` other than 0: a super-packet to be cut into segments of this size;
    // `mark`: what a tc filter before ours has set.
    // Thread-safe in threads that were started after the testbed.
    [[nodiscard]] Run run(Hook hook, Side side, const Bytes& frame, std::uint32_t segment = 0,
                          std::uint32_t mark = 0) const;
    // The same, and the one verdict that was counted for it.
    [[nodiscard]] Outcome send(Hook hook, Side side, const Bytes& frame, std::uint32_t segment = 0,
                               std::uint32_t mark = 0) const;
    // At egress of lo: what a client on the director itself sends.
    [[nodiscard]] Outcome send_local(const Bytes& packet) const;

    dataplane::Dataplane& plane() { return plane_; }
    [[nodiscard]] const dataplane::Maps& maps() const { return maps_; }
    // Of the connection table: nobody else lets it grow.
    [[nodiscard]] dataplane::Growth growth() { return {maps_, tool_}; }
    [[nodiscard]] std::uint64_t count(isobar_verdict verdict) const;
    [[nodiscard]] std::uint32_t jiffies() const;

    // Throws if the data plane refuses.
    void apply(std::vector<model::Change> changes);
    // A service with servers 1, 2 .. of these weights, all at `port`.
    void add_service(const model::ServiceKey& key, model::Scheduler scheduler,
                     const std::vector<model::Weight>& weights, model::Port port);

    // Connections in the table.
    [[nodiscard]] std::vector<isobar_conn*> connections() const;
    // The table as it is now. Records from before it has grown stay readable.
    [[nodiscard]] const dataplane::Segments& segments() const;
    [[nodiscard]] auto conns() const { return segments().conns(); }  // free records too
    // The same by the books of the servers, active and inactive.
    [[nodiscard]] std::uint32_t counted() const;
    // Their time is over, and they are swept.
    void end_all();
    // One a connection; one that strayed from its line has two.
    [[nodiscard]] std::size_t tags_in_use() const;
    // The record of the server (the data plane's counters are in it).
    [[nodiscard]] isobar_server& server(const Host& host) const;
    [[nodiscard]] isobar_server& server(const model::Address& address) const;

    // Routes and neighbours are remembered by the data plane for a moment: forgets them.
    void forget_nexthops() const;
    // Destinations whose next hop is remembered, on any CPU.
    [[nodiscard]] std::size_t known_destinations() const;

private:
    [[nodiscard]] bpf_map_info nexthops() const;
    struct Programs {
        Fd tc;
        Fd xdp;
    };
    Testbed(dataplane::Dataplane plane, dataplane::Maps maps, dataplane::Tool tool,
            Programs programs)
        : plane_(std::move(plane)),
          maps_(std::move(maps)),
          tool_(std::move(tool)),
          programs_(std::move(programs)) {}

    [[nodiscard]] Run run_tc(std::uint32_t ifindex, std::uint32_t arrived_on, const Bytes& frame,
                             std::uint32_t segment, std::uint32_t mark) const;
    [[nodiscard]] Run run_xdp(std::uint32_t ifindex, const Bytes& frame) const;
    template <typename RunIt>
    [[nodiscard]] Outcome with_verdict(RunIt&& run_it) const;

    dataplane::Dataplane plane_;
    dataplane::Maps maps_;
    mutable std::list<dataplane::Segments> segments_;
    mutable std::uint64_t segments_of_ = 0;
    dataplane::Tool tool_;
    Programs programs_;
};

// ---- the namespace ----

// Runs `ip -batch` with these lines, in the namespace of the calling thread. Addresses tell their
// family themselves, but `rule` must be told.
void ip(const std::string& lines, bool v6 = false);
// net.ipv4.ip_forward and the like.
void write_sysctl(const std::string& path, const std::string& value);

}  // namespace isobar::test
