// SPDX-License-Identifier: Apache-2.0
// The maps of one namespace: their file descriptors, and those that user space reads and
// writes as memory. Owns no policy.
#pragma once

#include <cstddef>
#include <map>
#include <ranges>
#include <span>
#include <string>
#include <vector>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/result.h"

namespace isobar::dataplane {

// A BPF array mapped into our memory (BPF_F_MMAPABLE).
class MappedArray {
public:
    MappedArray() = default;
    static Result<MappedArray> open(int map_fd);
    MappedArray(MappedArray&& other) noexcept;
    MappedArray& operator=(MappedArray&& other) noexcept;
    MappedArray(const MappedArray&) = delete;
    MappedArray& operator=(const MappedArray&) = delete;
    ~MappedArray();

    template <typename T>
    [[nodiscard]] std::span<T> as() const {
        return {static_cast<T*>(memory_), elements_};
    }
    [[nodiscard]] std::size_t element_size() const { return element_size_; }

private:
    void* memory_ = nullptr;
    std::size_t length_ = 0;
    std::size_t elements_ = 0;
    std::size_t element_size_ = 0;
};

// The connection table's segments as they were at one moment. What is given back meanwhile stays
// readable.
class Segments {
public:
    [[nodiscard]] auto lines() const {  // isobar_conn_line&
        return segments_ | std::views::transform([this](const MappedArray& segment) {
                   return segment.as<isobar_conn_line>().first(lines_a_segment_);
               }) |
               std::views::join;
    }
    [[nodiscard]] auto conns() const {  // isobar_conn&, free ones too
        return lines() |
               std::views::transform([](isobar_conn_line& line) -> auto& { return line.record; }) |
               std::views::join;
    }
    // Their first lines by the segment's number; null: there is none.
    [[nodiscard]] std::vector<isobar_conn_line*> by_number() const;

private:
    friend class Maps;
    std::vector<MappedArray> segments_;
    std::vector<std::uint32_t> numbers_;
    std::size_t lines_a_segment_ = 0;  // without those that each CPU has behind them
};

// Number of the newest generation's first segment, of settings.table.
constexpr std::uint32_t first_segment(std::uint64_t table) {
    return (static_cast<std::uint32_t>(table) & ISOBAR_TABLE_FIRST) / ISOBAR_SEGMENT_ROOM;
}

class Maps {
public:
    // Takes duplicates of the descriptors, by map name ("isobar_conns"). All maps of
    // abi/abi.h must be there, with the layouts of this build.
    static Result<Maps> open(std::map<std::string, Fd> fds);

    [[nodiscard]] int fd(const std::string& name) const;
    [[nodiscard]] const std::map<std::string, Fd>& all() const { return fds_; }

    [[nodiscard]] isobar_settings& settings() const { return settings_.as<isobar_settings>()[0]; }
    [[nodiscard]] isobar_filter& filter() const { return filter_.as<isobar_filter>()[0]; }
    [[nodiscard]] std::span<isobar_rule> rules() const { return rules_.as<isobar_rule>(); }
    [[nodiscard]] std::span<isobar_service> services() const {
        return services_.as<isobar_service>();
    }
    [[nodiscard]] std::span<isobar_set_element> sets() const {
        return sets_.as<isobar_set_element>();
    }
    [[nodiscard]] std::span<isobar_rank> ranks() const { return ranks_.as<isobar_rank>(); }
    [[nodiscard]] std::span<isobar_place> places() const { return places_.as<isobar_place>(); }
    [[nodiscard]] std::span<isobar_server> servers() const { return servers_.as<isobar_server>(); }
    [[nodiscard]] std::span<isobar_estimate> rates() const { return rates_.as<isobar_estimate>(); }
    [[nodiscard]] std::span<isobar_destination> caches() const {
        return caches_.as<isobar_destination>();
    }
    [[nodiscard]] Segments segments() const;
    // Not valid if there is no such one.
    [[nodiscard]] Fd segment_fd(std::uint32_t number) const;

    // Sum of a server's counters over all CPUs.
    [[nodiscard]] Result<isobar_traffic> traffic(std::uint32_t server) const;
    Result<void> clear_traffic(std::uint32_t server) const;
    [[nodiscard]] Result<std::vector<std::uint64_t>> verdicts() const;
    [[nodiscard]] Result<std::vector<std::uint64_t>> events() const;

private:
    [[nodiscard]] Result<std::vector<std::uint64_t>> sums(const char* name,
                                                          std::uint32_t size) const;

    std::map<std::string, Fd> fds_;
    MappedArray settings_, services_, sets_, ranks_, servers_, places_, rates_, filter_, rules_,
        caches_;
    std::size_t cpus_ = 1;
};

}  // namespace isobar::dataplane
