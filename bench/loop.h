// SPDX-License-Identifier: Apache-2.0
// Runs a BPF program many times by BPF_PROG_TEST_RUN, each time with a packet as good as
// new, and tells what one run costs (wrap.h, bench_xdp.bpf.c, bench_tc.bpf.c).
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "bpf/wrap.h"

namespace isobar::bench {

enum class HookPoint : std::uint8_t { Xdp, Tc };

class Loop {
public:
    // Around `program`; packets arrive on the interface `ifindex`.
    static Result<Loop> make(HookPoint hook, int program, int ifindex);

    struct Answer {
        double ns = 0;             // per packet, wrapper included
        std::uint32_t action = 0;  // what the program said to the last packet
    };
    // `packets` goes on where the last run ended.
    Result<Answer> run(bench_control& packets, std::uint32_t repeat);
    // The same packets through the wrapper around a program that does nothing.
    Result<Answer> run_empty(const bench_control& packets, std::uint32_t repeat);

private:
    Loop() = default;
    Result<Answer> test_run(int program, std::uint32_t repeat);

    std::shared_ptr<void> object_;  // the skeleton; shared_ptr for its type-erased deleter
    bench_control* control_ = nullptr;
    HookPoint hook_ = HookPoint::Xdp;
    int ifindex_ = 0;
    int empty_ = -1;
    int tested_ = -1;
};

}  // namespace isobar::bench
