// SPDX-License-Identifier: Apache-2.0
#include "scene.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

#include "dataplane/attach.h"
#include "dataplane/growth.h"

namespace isobar::bench {
namespace {

using dataplane::Dataplane;
using dataplane::Hook;

Result<int> program_of(HookPoint hook, Fd& owner, int ifindex) {
    if (hook == HookPoint::Xdp) {
        auto found = dataplane::find_xdp(ifindex);
        if (!found) return failure(Fault::NotFound, "our XDP program is not on the interface");
        owner = std::move(*found);
    } else {
        auto found = dataplane::find_tc(ifindex, true);
        if (!found) return tl::unexpected(found.error());
        if (!found->has_value())
            return failure(Fault::NotFound, "our tc program is not on the interface");
        owner = std::move(**found);
    }
    return owner.get();
}

Result<double> memory_of(int map) {
    std::ifstream file(fmt::format("/proc/self/fdinfo/{}", map));
    for (std::string key; file >> key;) {
        double bytes = 0;
        if (key == "memlock:" && file >> bytes) return bytes;
    }
    return failure(Fault::System, "the kernel does not tell the memory of a map");
}

}  // namespace

Result<Scene> Scene::make(std::uint32_t connections) {
    return make({.connections = connections,
                 .most_connections = std::max(connections, dataplane::Options{}.most_connections)});
}

Result<Scene> Scene::make(const dataplane::Options& sizes) {
    auto network = Network::make();
    if (!network) return tl::unexpected(network.error());
    auto plane = Dataplane::open_or_create(sizes);
    if (!plane) return tl::unexpected(plane.error());
    for (const char* interface : {Network::kOutside, Network::kInside})
        if (auto done = plane->set_hook(interface, Hook::Xdp); !done)
            return tl::unexpected(done.error());

    auto ingress = dataplane::find_tc(dataplane::kLoopback, true);
    if (!ingress) return tl::unexpected(ingress.error());
    auto fds = dataplane::maps_of((*ingress)->get());
    if (!fds) return tl::unexpected(fds.error());
    auto maps = dataplane::Maps::open(std::move(*fds));
    if (!maps) return tl::unexpected(maps.error());

    Scene scene(std::move(*network), std::move(*plane), std::move(*maps));
    for (const auto hook : {HookPoint::Xdp, HookPoint::Tc}) {
        auto& loops = scene.loops_.emplace_back();
        for (const int ifindex : {scene.network_.outside, scene.network_.inside}) {
            Fd owner;
            auto program = program_of(hook, owner, ifindex);
            if (!program) return tl::unexpected(program.error());
            auto loop = Loop::make(hook, *program, ifindex);
            if (!loop) return tl::unexpected(loop.error());
            loops.push_back(std::move(*loop));
        }
    }
    return scene;
}

model::Endpoint Scene::server(unsigned number, model::Family family) {
    if (family == model::Family::V6) {
        auto address = model::Address::parse("fd00::100:0").value();
        address.bytes[15] = static_cast<std::uint8_t>(number);
        return {address, 8080};
    }
    return {model::Address::v4(172, 16, static_cast<std::uint8_t>(1 + number / 256),
                               static_cast<std::uint8_t>(number % 256)),
            8080};
}

model::Address Scene::local(model::Family family) {
    return model::Address::parse(family == model::Family::V6 ? "fd00::2" : "172.16.0.2").value();
}

Result<void> Scene::add_service(const model::ServiceKey& key, model::Scheduler scheduler,
                                unsigned servers, model::ForwardingMethod method,
                                model::Tunnel tunnel) {
    using enum model::ForwardingMethod;
    const auto family = key.address.address.family;
    model::AddService service{.key = key, .scheduler = scheduler};
    if (method == FullNat) service.local.addresses = {local(family)};
    std::vector<model::Change> changes{service};
    for (unsigned i = 0; i < servers; ++i) {
        auto address = server(i, family);
        if (method == Dr || method == Tun) address.port = key.address.port;
        changes.emplace_back(
            model::AddServer{key, {.address = address, .method = method, .tunnel = tunnel}});
    }
    return dataplane_.apply(changes);
}

Result<void> Scene::forget_connections() {
    const auto segments = maps_.segments();
    for (auto& line : segments.lines()) line = {};
    for (auto& server : maps_.servers()) server.active = server.inactive = 0;
    return {};
}

Result<double> Scene::table_memory() const {
    auto bytes = memory_of(maps_.fd("isobar_conns"));
    for (std::uint32_t number = 0; bytes && number < ISOBAR_SEGMENTS; ++number) {
        const Fd segment = maps_.segment_fd(number);
        if (!segment.valid()) continue;
        bytes = memory_of(segment.get()).map([&](double more) { return *bytes + more; });
    }
    return bytes;
}

Result<double> Scene::memory_per_connection() const {
    return table_memory().map(
        [&](double bytes) { return bytes / dataplane::connections_of(maps_.settings().lines); });
}

}  // namespace isobar::bench
