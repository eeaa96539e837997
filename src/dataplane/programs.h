// SPDX-License-Identifier: Apache-2.0
// Loading the BPF programs of this build, over new maps or over those that live.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/result.h"
#include "dataplane/dataplane.h"

namespace isobar::dataplane {

// Names as the kernel shows them (bpftool prog).
inline constexpr const char* kTcProgram = "isobar_tc";
inline constexpr const char* kXdpProgram = "isobar_xdp";

using MapFds = std::map<std::string, Fd>;

// Makes new maps of the given sizes, and the tc program over them.
struct NewState {
    Fd tc;
    MapFds maps;
};
Result<NewState> load_with_new_maps(const Options& sizes);

// The programs of this build over living maps.
Result<Fd> load_tc(const MapFds& maps);
Result<Fd> load_xdp(const MapFds& maps);

// The tool program (bpf/tool.bpf.c).
class Tool {
public:
    static Result<Tool> load(const MapFds& maps);
    // Sweeps `count` records from `from` on and tells the clocks.
    [[nodiscard]] Result<isobar_sweep_call> run(std::uint32_t from, std::uint32_t count) const;

private:
    explicit Tool(Fd program) : program_(std::move(program)) {}
    Fd program_;
};

// The kernel's CONFIG_HZ, from the jiffies counter (which starts at 2^32 - 300 s) and
// the monotonic clock.
std::uint32_t hz_of(const isobar_sweep_call& clocks);

}  // namespace isobar::dataplane
