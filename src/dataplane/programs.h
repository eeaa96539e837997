// SPDX-License-Identifier: Apache-2.0
// Loading the BPF programs of this build, over new maps or over those that live.
#pragma once

#include <cstdint>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/result.h"
#include "dataplane/dataplane.h"
#include "dataplane/loading.h"

namespace isobar::dataplane {

// Names as the kernel shows them (bpftool prog).
inline constexpr const char* kTcProgram = "isobar_tc";
inline constexpr const char* kXdpProgram = "isobar_xdp";

// Makes new maps of the given sizes, and the tc program over them.
struct NewState {
    Fd tc;
    MapFds maps;
};
Result<NewState> load_with_new_maps(const Options& sizes);

// The programs of this build over living maps.
Result<Fd> load_tc(const MapFds& maps);
Result<Fd> load_xdp(const MapFds& maps);

// Lines that one run of the tool program looks at: below the limit of bpf_loop (2^23).
inline constexpr std::uint32_t kToolMostLines = 1u << 16;

// The tool program (bpf/tool.bpf.c).
class Tool {
public:
    static Result<Tool> load(const MapFds& maps);
    // Does the task, and puts into `call` what it found and the clocks.
    Result<void> run(isobar_tool_call& call) const;

private:
    explicit Tool(Fd program) : program_(std::move(program)) {}
    Fd program_;
};

// The kernel's CONFIG_HZ, from the jiffies counter (which starts at 2^32 - 300 s) and
// the monotonic clock.
std::uint32_t hz_of(const isobar_tool_call& clocks);

}  // namespace isobar::dataplane
