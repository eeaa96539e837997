// SPDX-License-Identifier: Apache-2.0
#include "support/loaded.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>
#include <vector>

#include "dataplane/attach.h"
#include "dataplane/growth.h"
#include "dataplane/links.h"

namespace isobar::test {
namespace {

using Bytes = std::vector<std::byte>;

// The kernel rounds the values of arrays and of each CPU up.
std::size_t room(const bpf_map_info& info) {
    return (info.value_size + 7U) & ~std::size_t{7};
}

Result<void> clear_array(int map, const bpf_map_info& info) {
    auto array = dataplane::MappedArray::open(map);
    if (!array) return tl::unexpected(std::move(array.error()));
    std::fill_n(array->as<std::byte>().data(), info.max_entries * room(info), std::byte{0});
    return {};
}

Result<void> clear_per_cpu(int map, const bpf_map_info& info) {
    const Bytes zero(room(info) * static_cast<std::size_t>(libbpf_num_possible_cpus()));
    for (std::uint32_t key = 0; key < info.max_entries; ++key)
        if (bpf_map_update_elem(map, &key, zero.data(), BPF_ANY) != 0)
            return system_failure(info.name, errno);
    return {};
}

Result<void> clear_hash(int map, const bpf_map_info& info) {
    Bytes key(info.key_size);
    while (bpf_map_get_next_key(map, nullptr, key.data()) == 0)
        if (bpf_map_delete_elem(map, key.data()) != 0 && errno != ENOENT)
            return system_failure(info.name, errno);
    return {};
}

Result<void> clear(int map) {
    bpf_map_info info{};
    std::uint32_t length = sizeof(info);
    if (bpf_obj_get_info_by_fd(map, &info, &length) != 0) return system_failure("map", errno);
    switch (info.type) {
        case BPF_MAP_TYPE_ARRAY:
            return clear_array(map, info);
        case BPF_MAP_TYPE_PERCPU_ARRAY:
            return clear_per_cpu(map, info);
        default:
            return clear_hash(map, info);
    }
}

Result<void> put_segment(int map, std::uint32_t number, std::uint32_t lines) {
    const auto segment = dataplane::make_segment(lines);
    if (!segment) return tl::unexpected(segment.error());
    const int fd = segment->get();
    if (bpf_map_update_elem(map, &number, &fd, BPF_ANY) != 0)
        return system_failure("segment", errno);
    return {};
}

// The table is as small again as it began.
Result<void> clear_segments(const dataplane::Maps& maps, const isobar_settings& fresh) {
    const int map = maps.fd("isobar_conns");
    const auto first = dataplane::first_segment(fresh.table);
    for (std::uint32_t number = 0; number < ISOBAR_SEGMENTS; ++number) {
        const Fd segment = maps.segment_fd(number);
        if (number >= first && number < 2 * first) {
            auto done = segment.valid() ? clear(segment.get())
                                        : put_segment(map, number, fresh.segment_mask + 1);
            if (!done) return done;
        } else if (segment.valid() && bpf_map_delete_elem(map, &number) != 0) {
            return system_failure("segment", errno);
        }
    }
    return {};
}

}  // namespace

Loaded::Loaded(dataplane::Maps maps, Fd tc, Fd xdp)
    : maps_(std::move(maps)),
      tc_(std::move(tc)),
      xdp_(std::move(xdp)),
      settings_(maps_.settings()) {}

Result<Loaded> Loaded::take(int ifindex) {
    auto tc = dataplane::find_tc(dataplane::kLoopback, true);
    auto xdp = dataplane::find_xdp(ifindex);
    if (!tc || !*tc || !xdp)
        return failure(Fault::NotFound, "the programs are not where they should be");
    auto fds = dataplane::maps_of((*tc)->get());
    if (!fds) return tl::unexpected(std::move(fds.error()));
    auto maps = dataplane::Maps::open(std::move(*fds));
    if (!maps) return tl::unexpected(std::move(maps.error()));
    return Loaded(std::move(*maps), std::move(**tc), std::move(*xdp));
}

Result<void> Loaded::attach() {
    for (const auto& [name, map] : maps_.all()) {
        auto done = name == "isobar_conns" ? clear_segments(maps_, settings_) : clear(map.get());
        if (!done) return done;
    }
    maps_.settings() = settings_;
    const auto links = dataplane::list_links();
    if (!links) return tl::unexpected(links.error());
    for (const auto& link : *links) {
        if (!link.loopback) {
            if (auto done = dataplane::attach_xdp(link, xdp_.get()); !done) return done;
            continue;
        }
        if (auto done = dataplane::attach_tc(link, tc_.get()); !done)
            return tl::unexpected(std::move(done.error()));
    }
    return {};
}

}  // namespace isobar::test
