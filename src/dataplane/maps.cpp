// SPDX-License-Identifier: Apache-2.0
#include "dataplane/maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

namespace isobar::dataplane {

Result<MappedArray> MappedArray::open(int map_fd) {
    bpf_map_info info{};
    std::uint32_t length = sizeof(info);
    if (bpf_obj_get_info_by_fd(map_fd, &info, &length) != 0) return system_failure("map", errno);
    MappedArray array;
    array.elements_ = info.max_entries;
    array.element_size_ = (info.value_size + 7u) & ~std::size_t{7};
    array.length_ = array.elements_ * array.element_size_;
    array.memory_ = ::mmap(nullptr, array.length_, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (array.memory_ == MAP_FAILED) {
        array.memory_ = nullptr;
        return system_failure(fmt::format("map {} into memory", info.name), errno);
    }
    return array;
}

MappedArray::MappedArray(MappedArray&& other) noexcept {
    *this = std::move(other);
}

MappedArray& MappedArray::operator=(MappedArray&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(length_, other.length_);
    std::swap(elements_, other.elements_);
    std::swap(element_size_, other.element_size_);
    return *this;
}

MappedArray::~MappedArray() {
    if (memory_ != nullptr) ::munmap(memory_, length_);
}

Result<Maps> Maps::open(std::map<std::string, Fd> fds) {
    for (const char* name : {
#define X(name) "isobar_" #name,
             ISOBAR_MAP_LIST(X)
#undef X
         })
        if (!fds.contains(name))
            return failure(Fault::Unsupported, fmt::format("the map {} is missing", name));

    Maps maps;
    maps.fds_ = std::move(fds);
    maps.cpus_ = static_cast<std::size_t>(libbpf_num_possible_cpus());
    const struct {
        const char* name;
        MappedArray& array;
        std::size_t size;
    } arrays[] = {
        {"isobar_settings", maps.settings_, sizeof(isobar_settings)},
        {"isobar_services", maps.services_, sizeof(isobar_service)},
        {"isobar_sets", maps.sets_, sizeof(isobar_set_element)},
        {"isobar_ranks", maps.ranks_, sizeof(isobar_rank)},
        {"isobar_servers", maps.servers_, sizeof(isobar_server)},
        {"isobar_places", maps.places_, sizeof(isobar_place)},
        {"isobar_rates", maps.rates_, sizeof(isobar_estimate)},
        {"isobar_filter", maps.filter_, sizeof(isobar_filter)},
        {"isobar_rules", maps.rules_, sizeof(isobar_rule)},
        {"isobar_caches", maps.caches_, sizeof(isobar_destination)},
    };
    for (const auto& [name, array, size] : arrays) {
        auto mapped = MappedArray::open(maps.fd(name));
        if (!mapped) return tl::unexpected(std::move(mapped.error()).in(name));
        if (mapped->element_size() != size)
            return failure(Fault::Unsupported,
                           fmt::format("the map {} has another layout than this program", name));
        array = std::move(*mapped);
    }
    return maps;
}

std::vector<isobar_conn_line*> Segments::by_number() const {
    std::vector<isobar_conn_line*> result;
    for (std::size_t i = 0; i < segments_.size(); ++i) {
        result.resize(numbers_[i] + 1);  // they come in order
        result.back() = segments_[i].as<isobar_conn_line>().data();
    }
    return result;
}

Segments Maps::segments() const {
    const auto table = std::atomic_ref(settings().table).load();
    const auto first = first_segment(table);
    Segments segments;
    segments.lines_a_segment_ = settings().segment_mask + 1;
    for (std::uint32_t number = 1; number < 2 * first; ++number) {
        const bool older = (table >> (std::bit_width(number) - 1) & 1) != 0;
        if (number < first && !older) continue;
        const Fd segment = segment_fd(number);
        if (!segment.valid()) continue;  // just given back
        auto opened = MappedArray::open(segment.get());
        if (!opened) continue;
        segments.segments_.push_back(std::move(*opened));
        segments.numbers_.push_back(number);
    }
    return segments;
}

Fd Maps::segment_fd(std::uint32_t number) const {
    std::uint32_t id = 0;
    if (bpf_map_lookup_elem(fd("isobar_conns"), &number, &id) != 0) return Fd(-1);
    return Fd(bpf_map_get_fd_by_id(id));
}

int Maps::fd(const std::string& name) const {
    return fds_.at(name).get();
}

Result<isobar_traffic> Maps::traffic(std::uint32_t server) const {
    std::vector<isobar_traffic> per_cpu(cpus_);
    if (bpf_map_lookup_elem(fd("isobar_traffic"), &server, per_cpu.data()) != 0)
        return system_failure("read counters", errno);
    isobar_traffic sum{};
    for (const auto& cpu : per_cpu)
        for (int i = 0; i < ISOBAR_TRAFFIC_ITEMS; ++i) sum.item[i] += cpu.item[i];
    return sum;
}

Result<void> Maps::clear_traffic(std::uint32_t server) const {
    const std::vector<isobar_traffic> zero(cpus_);
    if (bpf_map_update_elem(fd("isobar_traffic"), &server, zero.data(), BPF_ANY) != 0)
        return system_failure("clear counters", errno);
    return {};
}

Result<std::vector<std::uint64_t>> Maps::verdicts() const {
    return sums("isobar_verdicts", ISOBAR_VERDICTS);
}

Result<std::vector<std::uint64_t>> Maps::events() const {
    return sums("isobar_events", ISOBAR_EVENTS);
}

Result<std::vector<std::uint64_t>> Maps::sums(const char* name, std::uint32_t size) const {
    std::vector<std::uint64_t> sums(size);
    std::vector<std::uint64_t> per_cpu(cpus_);
    for (std::uint32_t i = 0; i < size; ++i) {
        if (bpf_map_lookup_elem(fd(name), &i, per_cpu.data()) != 0)
            return system_failure(fmt::format("read {}", name), errno);
        for (const auto count : per_cpu) sums[i] += count;
    }
    return sums;
}

}  // namespace isobar::dataplane
