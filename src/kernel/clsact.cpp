// SPDX-License-Identifier: Apache-2.0
#include "kernel/clsact.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "base/netlink.h"
#include "kernel/program.h"

namespace isobar::kernel {
namespace {

constexpr std::uint32_t kHandle = 1;
constexpr auto kBothSides = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);

bpf_tc_hook hook_at(int ifindex, bpf_tc_attach_point point) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
    return hook;
}

bpf_tc_attach_point point_of(Side side) {
    return side == Side::Ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

std::uint32_t parent_of(Side side) {
    return TC_H_MAKE(TC_H_CLSACT, side == Side::Ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

// Linux (6.4 and later) does not give up a clsact while somebody is looking at its filters, as a
// daemon does that was just told about the interface: a matter of microseconds.
int destroy_when_idle(bpf_tc_hook& hook) {
    constexpr int kTries = 2000;
    int code = bpf_tc_hook_destroy(&hook);
    for (int i = 0; code == -EBUSY && i < kTries; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        code = bpf_tc_hook_destroy(&hook);
    }
    return code;
}

int count_filter(const nlmsghdr* message, void* data) {
    if (message->nlmsg_type == RTM_NEWTFILTER) ++*static_cast<int*>(data);
    return MNL_CB_OK;
}

}  // namespace

Result<std::optional<Fd>> find_filter(int ifindex, Side side, const FilterPlace& place) {
    auto hook = hook_at(ifindex, point_of(side));
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = place.priority);
    const int code = bpf_tc_query(&hook, &options);
    if (code == -EPERM || code == -EACCES) return system_failure("look for tc filters", -code);
    if (code != 0) return std::nullopt;  // no clsact, no filter, no interface
    Fd program(bpf_prog_get_fd_by_id(options.prog_id));
    if (!program.valid()) return system_failure("open the program of a tc filter", errno);
    const auto name = program_name(program.get());
    if (name != place.program)
        return failure(Fault::Exists,
                       fmt::format("the place of our tc filter (pref {} handle {}) is taken by "
                                   "the program '{}'",
                                   place.priority, kHandle, name));
    return program;
}

// Not by libbpf's bpf_tc_attach, which gives no class: by it the director's program knows at
// egress where it is (bpf/tc.bpf.c).
Result<void> attach_filter(int ifindex, Side side, const FilterPlace& place, int program) {
    const auto there = find_filter(ifindex, side, place);
    if (!there) return tl::unexpected(there.error());
    alignas(nlmsghdr) std::array<char, 512> buffer{};
    auto* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_NEWTFILTER;
    request->nlmsg_flags =
        static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE |
                                   (there->has_value() ? NLM_F_REPLACE : NLM_F_EXCL));
    auto* header = static_cast<tcmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(tcmsg)));
    header->tcm_family = AF_UNSPEC;
    header->tcm_ifindex = ifindex;
    header->tcm_handle = kHandle;
    header->tcm_parent = parent_of(side);
    header->tcm_info = TC_H_MAKE(place.priority << 16, htons(ETH_P_ALL));
    mnl_attr_put_strz(request, TCA_KIND, "bpf");
    auto* options = mnl_attr_nest_start(request, TCA_OPTIONS);
    mnl_attr_put_u32(request, TCA_BPF_FD, static_cast<std::uint32_t>(program));
    mnl_attr_put_strz(request, TCA_BPF_NAME, std::string(place.program).c_str());
    mnl_attr_put_u32(request, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    if (side == Side::Egress) mnl_attr_put_u32(request, TCA_BPF_CLASSID, parent_of(side));
    mnl_attr_nest_end(request, options);
    if (const int code = ask_netlink(request, nullptr, nullptr); code != 0)
        return system_failure("add a tc filter", code);
    return {};
}

Result<void> detach_filter(int ifindex, Side side, const FilterPlace& place) {
    const auto ours = find_filter(ifindex, side, place);
    if (!ours && ours.error().fault != Fault::Exists) return tl::unexpected(ours.error());
    if (!ours || !ours->has_value()) return {};
    auto hook = hook_at(ifindex, point_of(side));
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = place.priority);
    if (const int code = bpf_tc_detach(&hook, &options); code != 0 && code != -ENOENT)
        return system_failure("remove a tc filter", -code);
    return {};
}

Result<bool> has_filters(int ifindex) {
    int count = 0;
    for (const Side side : {Side::Ingress, Side::Egress}) {
        alignas(nlmsghdr) std::array<char, 256> buffer{};
        auto* request = mnl_nlmsg_put_header(buffer.data());
        request->nlmsg_type = RTM_GETTFILTER;
        request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        auto* header = static_cast<tcmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(tcmsg)));
        header->tcm_family = AF_UNSPEC;
        header->tcm_ifindex = ifindex;
        header->tcm_parent = parent_of(side);
        if (const int code = ask_netlink(request, count_filter, &count); code != 0)
            return system_failure("list tc filters", code);
    }
    return count > 0;
}

Result<bool> make_clsact(int ifindex) {
    auto hook = hook_at(ifindex, kBothSides);
    const int code = bpf_tc_hook_create(&hook);
    if (code != 0 && code != -EEXIST) return system_failure("make a clsact qdisc", -code);
    return code == 0;
}

Result<void> remove_clsact(int ifindex) {
    auto hook = hook_at(ifindex, kBothSides);
    const int code = destroy_when_idle(hook);
    if (code != 0 && code != -ENOENT && code != -EINVAL)  // there is none
        return system_failure("remove a clsact qdisc", -code);
    return {};
}

}  // namespace isobar::kernel
