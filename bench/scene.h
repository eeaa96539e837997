// SPDX-License-Identifier: Apache-2.0
// A director in a namespace of its own: the product's real state, made as any user makes
// it, with XDP on both interfaces; and the loops that send packets through its programs.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataplane/dataplane.h"
#include "dataplane/maps.h"
#include "loop.h"
#include "network.h"

namespace isobar::bench {

enum class Side : std::uint8_t { Outside, Inside };

class Scene {
public:
    // Makes it and enters it.
    static Result<Scene> make(const dataplane::Options& sizes);
    // With room for so many connections from the first.
    static Result<Scene> make(std::uint32_t connections);
    // BPF_PROG_TEST_RUN looks for interfaces where the caller is: enter before running.
    [[nodiscard]] Result<void> enter() const { return network_.enter(); }

    // A service of that many servers, the first ones of the network, all with weight 1. By direct
    // routing and in tunnels it keeps the service's port.
    Result<void> add_service(const model::ServiceKey& key, model::Scheduler scheduler,
                             unsigned servers,
                             model::ForwardingMethod method = model::ForwardingMethod::Nat,
                             model::Tunnel tunnel = {});
    static model::Endpoint server(unsigned number, model::Family family = model::Family::V4);
    // Where servers by fullnat see packets come from.
    static model::Address local(model::Family family);

    [[nodiscard]] const Mac& mac(Side side) const {
        return side == Side::Outside ? network_.outside_mac : network_.inside_mac;
    }
    Loop& loop(HookPoint hook, Side side) {
        return loops_[hook == HookPoint::Xdp ? 0 : 1][side == Side::Outside ? 0 : 1];
    }
    [[nodiscard]] const dataplane::Maps& maps() const { return maps_; }
    [[nodiscard]] dataplane::Dataplane& dataplane() { return dataplane_; }

    // Empties the connection table, as if the director had just started.
    Result<void> forget_connections();
    // Kernel memory of the connection table (tags and records), in bytes; and per connection.
    [[nodiscard]] Result<double> table_memory() const;
    [[nodiscard]] Result<double> memory_per_connection() const;

private:
    Scene(Network network, dataplane::Dataplane dataplane, dataplane::Maps maps)
        : network_(std::move(network)), dataplane_(std::move(dataplane)), maps_(std::move(maps)) {}

    Network network_;
    dataplane::Dataplane dataplane_;
    dataplane::Maps maps_;
    std::vector<std::vector<Loop>> loops_;
};

}  // namespace isobar::bench
