// SPDX-License-Identifier: Apache-2.0
#include "dataplane/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "kernel/clsact.h"
#include "kernel/program.h"

namespace isobar::dataplane {
namespace {

constexpr kernel::FilterPlace kPlace{49, kTcProgram};

kernel::Side side_of(bool ingress) {
    return ingress ? kernel::Side::Ingress : kernel::Side::Egress;
}

std::optional<Fd> program_by_id(std::uint32_t id, std::string_view name) {
    Fd program(bpf_prog_get_fd_by_id(id));
    if (!program.valid() || kernel::program_name(program.get()) != name) return std::nullopt;
    return program;
}

}  // namespace

Result<std::optional<Fd>> find_tc(int ifindex, bool ingress) {
    return kernel::find_filter(ifindex, side_of(ingress), kPlace);
}

std::optional<Fd> find_xdp(int ifindex) {
    std::uint32_t id = 0;
    if (bpf_xdp_query_id(ifindex, 0, &id) != 0 || id == 0) return std::nullopt;
    return program_by_id(id, kXdpProgram);
}

Result<MapFds> maps_of(int program) {
    auto maps = kernel::maps_of(program);
    if (!maps) return maps;
    MapFds state;
    for (auto& [name, fd] : *maps)
        if (auto known = state_map_name(name)) state.emplace(std::move(*known), std::move(fd));
    return state;
}

bool is_same_map(int map, int other) {
    bpf_map_info one{};
    bpf_map_info two{};
    std::uint32_t length = sizeof(one);
    if (bpf_obj_get_info_by_fd(map, &one, &length) != 0) return false;
    length = sizeof(two);
    return bpf_obj_get_info_by_fd(other, &two, &length) == 0 && one.id == two.id;
}

Result<TcAttached> attach_tc(const Link& link, int program) {
    const auto made = kernel::make_clsact(link.index);
    if (!made) return tl::unexpected(Error(made.error()).in("attach to " + link.name));
    for (const bool ingress : {true, false}) {
        auto done = kernel::attach_filter(link.index, side_of(ingress), kPlace, program);
        if (!done)
            return tl::unexpected(std::move(done.error())
                                      .in(fmt::format("attach to {} ({})", link.name,
                                                      ingress ? "ingress" : "egress")));
    }
    return TcAttached{*made};
}

Result<void> detach_tc(int ifindex, bool remove_clsact) {
    for (const bool ingress : {false, true})
        if (auto done = kernel::detach_filter(ifindex, side_of(ingress), kPlace); !done)
            return done;
    if (!remove_clsact || kernel::has_filters(ifindex).value_or(true)) return {};
    return kernel::remove_clsact(ifindex);
}

Result<void> attach_xdp(const Link& link, int program) {
    std::uint32_t id = 0;
    const bool taken = bpf_xdp_query_id(link.index, 0, &id) == 0 && id != 0;
    if (taken && !program_by_id(id, kXdpProgram)) {
        const Fd other(bpf_prog_get_fd_by_id(id));
        return failure(Fault::Exists, fmt::format("attach to {}: XDP is held by the program '{}'",
                                                  link.name, kernel::program_name(other.get())));
    }
    // without UPDATE_IF_NOEXIST our own older program is replaced, without a gap
    const std::uint32_t flags = XDP_FLAGS_DRV_MODE | (taken ? 0u : XDP_FLAGS_UPDATE_IF_NOEXIST);
    if (const int code = bpf_xdp_attach(link.index, program, flags, nullptr); code != 0)
        return system_failure(fmt::format("attach to {} (XDP)", link.name), -code);
    return {};
}

Result<void> detach_xdp(int ifindex) {
    if (!find_xdp(ifindex)) return {};
    if (const int code = bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, nullptr); code != 0)
        return system_failure("detach XDP", -code);
    return {};
}

}  // namespace isobar::dataplane
