// SPDX-License-Identifier: Apache-2.0
#include "dataplane/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>

#include <cerrno>
#include <cmath>
#include <limits>
#include <memory>

#include <fmt/format.h>

#include "bpf/tc.skel.h"
#include "bpf/tool.skel.h"
#include "bpf/xdp.skel.h"
#include "dataplane/growth.h"
#include "dataplane/loading.h"
#include "scheduling/lookup_table.h"

namespace isobar::dataplane {
namespace {

Fd duplicate(int fd) {
    return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

struct DestroyTc {
    void operator()(isobar_tc* object) const { isobar_tc__destroy(object); }
};
struct DestroyXdp {
    void operator()(isobar_xdp* object) const { isobar_xdp__destroy(object); }
};
struct DestroyTool {
    void operator()(isobar_tool* object) const { isobar_tool__destroy(object); }
};

void size_maps(isobar_tc& object, const Options& options) {
    bpf_map__set_max_entries(object.maps.isobar_services, options.services);
    bpf_map__set_max_entries(object.maps.isobar_keys, options.services);
    // Every service has a head; two sets of the largest service fit beside all others. Of
    // mh's tables, 8 KiB each, there is one more, to build the next set in.
    const auto elements =
        2 * (options.servers + options.services) +
        (options.maglev_services + 1) * scheduling::lookup_elements(ISOBAR_MAGLEV_SLOTS);
    bpf_map__set_max_entries(object.maps.isobar_sets, elements);
    bpf_map__set_max_entries(object.maps.isobar_ranks, elements / ISOBAR_RANK_FAN + 1);
    bpf_map__set_max_entries(object.maps.isobar_servers, options.servers);
    bpf_map__set_max_entries(object.maps.isobar_reals, options.servers);
    bpf_map__set_max_entries(object.maps.isobar_places, options.servers);
    bpf_map__set_max_entries(object.maps.isobar_traffic, options.servers);
    bpf_map__set_max_entries(object.maps.isobar_rates, options.servers);
}

// Maps that no instruction mentions are bound, so that they too are found by the program.
Result<Fd> take_program(isobar_tc& object, int saved_fd) {
    auto program = duplicate(bpf_program__fd(object.progs.isobar_tc));
    if (bpf_prog_bind_map(program.get(), saved_fd, nullptr) != 0 && errno != EEXIST)
        return system_failure("bind map", errno);
    return program;
}

}  // namespace

Result<NewState> load_with_new_maps(const Options& sizes) {
    const auto options = listening_options();
    const std::unique_ptr<isobar_tc, DestroyTc> object{isobar_tc__open_opts(&options)};
    if (!object) return load_failure("open BPF object", errno);
    size_maps(*object, sizes);
    // The pattern of all segments, seen by the kernel only while it loads.
    const auto pattern = make_segment(segment_lines_for(lines_for(sizes.connections)));
    if (!pattern) return tl::unexpected(pattern.error());
    bpf_map__set_inner_map_fd(object->maps.isobar_conns, pattern->get());
    if (const int code = isobar_tc__load(object.get()); code != 0)
        return load_failure("load BPF programs", -code);
    NewState state;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object->obj) {
        if (auto name = state_map_name(bpf_map__name(map)))
            state.maps.emplace(std::move(*name), duplicate(bpf_map__fd(map)));
    }
    auto program = take_program(*object, bpf_map__fd(object->maps.isobar_saved));
    if (!program) return tl::unexpected(program.error());
    state.tc = std::move(*program);
    return state;
}

Result<Fd> load_tc(const MapFds& maps) {
    const auto options = listening_options();
    const std::unique_ptr<isobar_tc, DestroyTc> object{isobar_tc__open_opts(&options)};
    if (!object) return load_failure("open BPF object", errno);
    if (auto reused = reuse_maps(object->obj, maps); !reused) return tl::unexpected(reused.error());
    if (const int code = isobar_tc__load(object.get()); code != 0)
        return load_failure("load BPF programs", -code);
    return take_program(*object, maps.at("isobar_saved").get());
}

Result<Fd> load_xdp(const MapFds& maps) {
    const auto options = listening_options();
    const std::unique_ptr<isobar_xdp, DestroyXdp> object{isobar_xdp__open_opts(&options)};
    if (!object) return load_failure("open BPF object", errno);
    if (auto reused = reuse_maps(object->obj, maps); !reused) return tl::unexpected(reused.error());
    if (const int code = isobar_xdp__load(object.get()); code != 0)
        return load_failure("load XDP program", -code);
    return duplicate(bpf_program__fd(object->progs.isobar_xdp));
}

Result<Tool> Tool::load(const MapFds& maps) {
    const auto options = listening_options();
    const std::unique_ptr<isobar_tool, DestroyTool> object{isobar_tool__open_opts(&options)};
    if (!object) return load_failure("open BPF object", errno);
    if (auto reused = reuse_maps(object->obj, maps); !reused) return tl::unexpected(reused.error());
    if (const int code = isobar_tool__load(object.get()); code != 0)
        return load_failure("load tool program", -code);
    return Tool(duplicate(bpf_program__fd(object->progs.isobar_tool)));
}

Result<void> Tool::run(isobar_tool_call& call) const {
    // the kernel writes the answers back into ctx_in
    LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &call, .ctx_size_in = sizeof(call));
    if (bpf_prog_test_run_opts(program_.get(), &options) != 0)
        return system_failure("run tool program", errno);
    return {};
}

std::uint32_t hz_of(const isobar_tool_call& clocks) {
    // jiffies = 2^32 - 300 * HZ + uptime * HZ
    const double uptime = static_cast<double>(clocks.ktime_ns) / 1e9;
    const double jiffies = static_cast<double>(clocks.jiffies) - 4294967296.0;
    std::uint32_t best = 0;
    double least = std::numeric_limits<double>::max();
    for (const std::uint32_t hz : {100u, 250u, 300u, 1000u}) {
        const double wrong = std::abs(hz * (uptime - 300.0) - jiffies);
        if (wrong < least) {
            least = wrong;
            best = hz;
        }
    }
    return best;
}

}  // namespace isobar::dataplane
