// SPDX-License-Identifier: Apache-2.0
#include "loop.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <cerrno>

#include "bpf/bench_tc.skel.h"
#include "bpf/bench_xdp.skel.h"

namespace isobar::bench {
namespace {

Result<void> fill_slot(const bpf_map* targets, std::uint32_t slot, int program) {
    if (bpf_map_update_elem(bpf_map__fd(targets), &slot, &program, BPF_ANY) != 0)
        return system_failure("put the program into the wrapper", errno);
    return {};
}

}  // namespace

Result<Loop> Loop::make(HookPoint hook, int program, int ifindex) {
    Loop loop;
    loop.hook_ = hook;
    loop.ifindex_ = ifindex;
    const auto take = [&](auto* object, auto destroy) -> Result<void> {
        if (object == nullptr) return system_failure("load the wrapper", errno);
        loop.object_ = std::shared_ptr<void>(
            object, [destroy](void* o) { destroy(static_cast<decltype(object)>(o)); });
        loop.control_ = &object->bss->bench_control;
        loop.empty_ = bpf_program__fd(object->progs.bench_empty);
        loop.tested_ = bpf_program__fd(object->progs.bench_tested);
        const int nothing = bpf_program__fd(object->progs.bench_nothing);
        if (auto done = fill_slot(object->maps.bench_targets, BENCH_EMPTY, nothing); !done)
            return done;
        return fill_slot(object->maps.bench_targets, BENCH_TESTED, program);
    };
    const auto taken = hook == HookPoint::Xdp
                           ? take(isobar_bench_xdp__open_and_load(), isobar_bench_xdp__destroy)
                           : take(isobar_bench_tc__open_and_load(), isobar_bench_tc__destroy);
    if (!taken) return tl::unexpected(taken.error());
    return loop;
}

Result<Loop::Answer> Loop::run(bench_control& packets, std::uint32_t repeat) {
    *control_ = packets;
    control_->armed = 0;
    auto answer = test_run(tested_, repeat);
    packets.count = control_->count;
    return answer;
}

Result<Loop::Answer> Loop::run_empty(const bench_control& packets, std::uint32_t repeat) {
    *control_ = packets;
    control_->armed = 0;
    return test_run(empty_, repeat);
}

Result<Loop::Answer> Loop::test_run(int program, std::uint32_t repeat) {
    xdp_md xdp{};
    xdp.data_end = bench_frame_length(control_);
    xdp.ingress_ifindex = static_cast<std::uint32_t>(ifindex_);
    __sk_buff skb{};
    skb.ifindex = static_cast<std::uint32_t>(ifindex_);
    LIBBPF_OPTS(bpf_test_run_opts, options);
    // the frame of the first round: it must have the interface's address from the start
    options.data_in = control_->frame;
    options.data_size_in = bench_frame_length(control_);
    options.ctx_in = hook_ == HookPoint::Xdp ? static_cast<const void*>(&xdp) : &skb;
    options.ctx_size_in = hook_ == HookPoint::Xdp ? sizeof(xdp) : sizeof(skb);
    options.repeat = static_cast<int>(repeat);
    if (bpf_prog_test_run_opts(program, &options) != 0)
        return system_failure("BPF_PROG_TEST_RUN", errno);
    return Answer{static_cast<double>(options.duration), options.retval};
}

}  // namespace isobar::bench
