// SPDX-License-Identifier: Apache-2.0
// The BPF programs of a real server: loading them, telling them addresses, and their place
// on interfaces. Their filters stand behind the director's (pref 49), so that a host can be
// both.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/settings.h"
#include "base/fd.h"
#include "base/result.h"
#include "model/address.h"

namespace isobar::agent {

// What the programs do on an interface.
struct FilterState {
    bool quiet_arp = false;
    std::set<Tunnel> tunnels;
    bool clamps_mss = false;
    bool operator==(const FilterState&) const = default;
};

class Programs {
public:
    struct Address {
        model::Address address;
        bool own = false;
        bool vip = false;
    };
    struct LinkFacts {
        std::uint16_t mss4 = 0, mss6 = 0;  // 0: any
        std::optional<model::Address> link_local;
    };
    struct Count {
        std::string_view what;
        std::uint64_t packets = 0;
    };

    // They do nothing yet.
    static Result<Programs> load();
    Programs(Programs&&) noexcept;
    Programs& operator=(Programs&&) noexcept;
    Programs(const Programs&) = delete;
    Programs& operator=(const Programs&) = delete;
    ~Programs();

    // What is to be done from now on.
    Result<void> set_work(const std::set<Tunnel>& tunnels, model::Port gue_port, bool quiet_arp);
    // Replaces what the programs knew; packets meanwhile see the old or the new addresses.
    Result<void> set_addresses(const std::vector<Address>& addresses);
    Result<void> set_link(int link, const LinkFacts& facts);

    // Takes our place on both sides of the interface's clsact; programs of an earlier agent
    // are replaced without a gap. Fault::Exists if somebody else's filter is there.
    Result<void> attach(int link) const;

    // All kinds, in a fixed order.
    [[nodiscard]] Result<std::vector<Count>> counts() const;

    [[nodiscard]] int ingress() const;  // for tests
    [[nodiscard]] int egress() const;

private:
    struct Loaded;  // libbpf's skeleton
    explicit Programs(std::unique_ptr<Loaded> loaded);
    std::unique_ptr<Loaded> loaded_;
};

// Removes the filters of whichever agent. Neither filters nor interface there: no error.
Result<void> detach_filters(int link);

// What the agent's filter does there; nothing if there is none.
Result<std::optional<FilterState>> filters_at(int link);

}  // namespace isobar::agent
