// SPDX-License-Identifier: Apache-2.0
#include "dataplane/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <arpa/inet.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#include "base/netlink.h"

namespace isobar::dataplane {
namespace {

// Our place in the list of filters. Fixed, so that everybody looks in the same one.
constexpr std::uint32_t kHandle = 1;
constexpr std::uint32_t kPriority = 49;

bpf_tc_hook hook_at(int ifindex, bpf_tc_attach_point point) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
    return hook;
}

bpf_tc_attach_point point_of(bool ingress) {
    return ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

std::string program_name(int program) {
    bpf_prog_info info{};
    std::uint32_t length = sizeof(info);
    return bpf_obj_get_info_by_fd(program, &info, &length) == 0 ? info.name : "";
}

std::optional<Fd> program_by_id(std::uint32_t id, std::string_view name) {
    Fd program(bpf_prog_get_fd_by_id(id));
    if (!program.valid() || program_name(program.get()) != name) return std::nullopt;
    return program;
}

// Not by libbpf's bpf_tc_attach, which gives no class: at egress the program knows by it where it
// is (bpf/tc.bpf.c).
Result<void> attach_filter(const Link& link, bool ingress, int program) {
    const bool replace = find_tc(link.index, ingress).value_or(std::nullopt).has_value();
    const std::uint32_t place =
        TC_H_MAKE(TC_H_CLSACT, ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
    alignas(nlmsghdr) std::array<char, 512> buffer{};
    auto* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_NEWTFILTER;
    request->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE |
                                                      (replace ? NLM_F_REPLACE : NLM_F_EXCL));
    auto* header = static_cast<tcmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(tcmsg)));
    header->tcm_family = AF_UNSPEC;
    header->tcm_ifindex = link.index;
    header->tcm_handle = kHandle;
    header->tcm_parent = place;
    header->tcm_info = TC_H_MAKE(kPriority << 16, htons(ETH_P_ALL));
    mnl_attr_put_strz(request, TCA_KIND, "bpf");
    auto* options = mnl_attr_nest_start(request, TCA_OPTIONS);
    mnl_attr_put_u32(request, TCA_BPF_FD, static_cast<std::uint32_t>(program));
    mnl_attr_put_strz(request, TCA_BPF_NAME, kTcProgram);
    mnl_attr_put_u32(request, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    if (!ingress) mnl_attr_put_u32(request, TCA_BPF_CLASSID, place);
    mnl_attr_nest_end(request, options);
    if (const int code = ask_netlink(request, nullptr, nullptr); code != 0)
        return system_failure(
            fmt::format("attach to {} ({})", link.name, ingress ? "ingress" : "egress"), code);
    return {};
}

// Linux (6.4 and later) does not give up a clsact while somebody is looking at its filters, as an
// isobard does that was just told about this interface: a matter of microseconds.
Result<void> destroy_clsact(int ifindex) {
    constexpr int kTries = 2000;
    auto hook = hook_at(ifindex, static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
    int code = bpf_tc_hook_destroy(&hook);
    for (int i = 0; code == -EBUSY && i < kTries; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        code = bpf_tc_hook_destroy(&hook);
    }
    if (code != 0 && code != -ENOENT) return system_failure("remove clsact", -code);
    return {};
}

}  // namespace

Result<std::optional<Fd>> find_tc(int ifindex, bool ingress) {
    auto hook = hook_at(ifindex, point_of(ingress));
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = kPriority);
    const int code = bpf_tc_query(&hook, &options);
    if (code == -EPERM || code == -EACCES) return system_failure("look for the data plane", -code);
    if (code != 0) return std::nullopt;  // no clsact, no filter, no interface
    Fd program(bpf_prog_get_fd_by_id(options.prog_id));
    if (!program.valid()) return system_failure("open the data plane's program", errno);
    const auto name = program_name(program.get());
    if (name != kTcProgram)
        return failure(Fault::Exists,
                       fmt::format("the place of our tc filter (pref {} handle {}) is taken by "
                                   "the program '{}'",
                                   kPriority, kHandle, name));
    return program;
}

std::optional<Fd> find_xdp(int ifindex) {
    std::uint32_t id = 0;
    if (bpf_xdp_query_id(ifindex, 0, &id) != 0 || id == 0) return std::nullopt;
    return program_by_id(id, kXdpProgram);
}

Result<MapFds> maps_of(int program) {
    std::array<std::uint32_t, 64> ids{};
    bpf_prog_info info{};
    info.nr_map_ids = ids.size();
    info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
    std::uint32_t length = sizeof(info);
    if (bpf_obj_get_info_by_fd(program, &info, &length) != 0)
        return system_failure("ask for the program's maps", errno);
    MapFds maps;
    for (std::uint32_t i = 0; i < info.nr_map_ids && i < ids.size(); ++i) {
        Fd map(bpf_map_get_fd_by_id(ids[i]));
        bpf_map_info map_info{};
        length = sizeof(map_info);
        if (!map.valid() || bpf_obj_get_info_by_fd(map.get(), &map_info, &length) != 0)
            return system_failure("open a map", errno);
        // "isobar_t.rodata" is part of the program, not of the state
        const std::string_view name(map_info.name);
        if (name.starts_with("isobar_") && name.find('.') == std::string_view::npos)
            maps.emplace(map_info.name, std::move(map));
    }
    return maps;
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
    TcAttached attached;
    auto hook =
        hook_at(link.index, static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
    const int code = bpf_tc_hook_create(&hook);
    if (code != 0 && code != -EEXIST)
        return system_failure(fmt::format("attach to {}: make its clsact qdisc", link.name), -code);
    attached.made_clsact = code == 0;
    for (const bool ingress : {true, false})
        if (auto done = attach_filter(link, ingress, program); !done)
            return tl::unexpected(done.error());
    return attached;
}

Result<void> detach_tc(int ifindex, bool remove_clsact) {
    for (const bool ingress : {false, true}) {
        const auto ours = find_tc(ifindex, ingress);
        if (!ours || !ours->has_value()) continue;
        auto hook = hook_at(ifindex, point_of(ingress));
        LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = kPriority);
        if (const int code = bpf_tc_detach(&hook, &options); code != 0 && code != -ENOENT)
            return system_failure("detach", -code);
    }
    if (!remove_clsact || has_tc_filters(ifindex).value_or(true)) return {};
    return destroy_clsact(ifindex);
}

Result<void> attach_xdp(const Link& link, int program) {
    std::uint32_t id = 0;
    const bool taken = bpf_xdp_query_id(link.index, 0, &id) == 0 && id != 0;
    if (taken && !program_by_id(id, kXdpProgram)) {
        const Fd other(bpf_prog_get_fd_by_id(id));
        return failure(Fault::Exists, fmt::format("attach to {}: XDP is held by the program '{}'",
                                                  link.name, program_name(other.get())));
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
