// SPDX-License-Identifier: Apache-2.0
#include "dataplane/growth.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <numeric>
#include <vector>

#include "dataplane/convert.h"

namespace isobar::dataplane {
namespace {

// Lines that tell how full it is: a look costs some ten microseconds.
constexpr std::uint32_t kSampled = 256;
// Marks of connections that have ended lead packets to lines where nothing is. They are made anew
// after this, and after so many times as long as it took.
constexpr std::uint32_t kMarkEverySeconds = 5;
constexpr std::uint32_t kMarkPause = 50;

std::uint32_t newest_of(std::uint64_t table) {
    return static_cast<std::uint32_t>(std::countr_zero(first_segment(table)));
}

std::uint32_t older_of(std::uint64_t table) {
    return static_cast<std::uint32_t>(table) & ISOBAR_TABLE_OLDER;
}

std::uint32_t away_of(std::uint64_t table) {
    return static_cast<std::uint32_t>(table >> ISOBAR_TABLE_AWAY_SHIFT);
}

std::uint64_t table_now(const isobar_settings& settings) {
    return std::atomic_ref(const_cast<__u64&>(settings.table)).load();
}

std::uint32_t lines_of(const isobar_settings& settings, std::uint32_t generation) {
    return (settings.segment_mask + 1) << generation;
}

}  // namespace

Result<Fd> make_segment(std::uint32_t lines) {
    const auto cpus = static_cast<std::uint32_t>(libbpf_num_possible_cpus());
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
    Fd segment(bpf_map_create(BPF_MAP_TYPE_ARRAY, "isobar_segment", sizeof(__u32),
                              sizeof(isobar_conn_line), lines + cpus, &options));
    if (!segment.valid()) return system_failure("memory for connections", errno);
    return segment;
}

// Packets may come from here on.
void Growth::publish(std::uint32_t newest, std::uint32_t older, std::uint32_t away) {
    auto& settings = maps_.settings();
    const auto oldest = older != 0 ? static_cast<std::uint32_t>(std::countr_zero(older)) : newest;
    const std::uint64_t first = std::uint64_t{ISOBAR_SEGMENT_ROOM} << newest;
    std::atomic_ref(settings.table)
        .store(first | older | std::uint64_t{away} << ISOBAR_TABLE_AWAY_SHIFT);
    // The sweep may look at some lines twice, or not at all this time.
    std::atomic_ref(settings.first_position).store(lines_of(settings, oldest));
    const auto lines = lines_of(settings, newest + 1) - lines_of(settings, oldest);
    std::atomic_ref(settings.lines).store(lines);
    std::atomic_ref(settings.sweep_batch).store(lines / settings.hz + 1);
}

Result<void> Growth::begin(std::uint32_t lines, std::uint32_t most_lines) {
    auto& settings = maps_.settings();
    const auto segment_lines = segment_lines_for(lines);
    settings.segment_mask = segment_lines - 1;
    settings.most_lines = most_lines;
    const auto segments = lines / segment_lines;
    if (auto done = add_segments(segments); !done) return done;
    publish(static_cast<std::uint32_t>(std::countr_zero(segments)), 0, ISOBAR_AWAY_COUNT);
    return {};
}

Result<void> Growth::look() {
    const auto& settings = maps_.settings();
    const auto lines = lines_of(settings, newest_of(table_now(settings)));
    if (lines < settings.most_lines) {
        const auto full = is_full();
        if (!full) return tl::unexpected(full.error());
        if (*full)
            if (auto done = grow(); !done) return done;
    }
    const auto table = table_now(settings);
    const bool unmarked = (away_of(table) & ISOBAR_AWAY_ALWAYS) != 0;
    const bool due = static_cast<std::int32_t>(jiffies_now(settings) - settings.next_marking) >= 0;
    if (unmarked || (older_of(table) != 0 && due)) return mark();
    return {};
}

Result<bool> Growth::is_full() const {
    const auto& settings = maps_.settings();
    isobar_tool_call call{};
    call.task = ISOBAR_SAMPLE;
    call.count = std::min(lines_of(settings, newest_of(table_now(settings))), kSampled);
    if (auto done = tool_.run(call); !done) return tl::unexpected(done.error());
    return call.found * 2 >= call.count * ISOBAR_WAYS;
}

Result<void> Growth::grow() {
    const auto table = table_now(maps_.settings());
    const auto newest = newest_of(table);
    if (newest + 1 >= ISOBAR_GENERATIONS)
        return failure(Fault::Full, "the connection table cannot grow any more");
    if (auto done = add_segments(2u << newest); !done) return done;
    publish(newest + 1, older_of(table) | 1u << newest, ISOBAR_AWAY_COUNT | ISOBAR_AWAY_ALWAYS);
    return {};
}

// Segments `first` to 2 * first - 1. Those of a process that was killed here are replaced.
Result<void> Growth::add_segments(std::uint32_t first) {
    std::vector<Fd> segments;
    std::vector<std::uint32_t> numbers(first), fds;
    std::iota(numbers.begin(), numbers.end(), first);
    for (std::uint32_t i = 0; i < first; ++i) {
        auto segment = make_segment(maps_.settings().segment_mask + 1);
        if (!segment) return tl::unexpected(std::move(segment.error()));
        fds.push_back(static_cast<std::uint32_t>(segment->get()));
        segments.push_back(std::move(*segment));
    }
    auto count = first;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    if (bpf_map_update_batch(maps_.fd("isobar_conns"), numbers.data(), fds.data(), &count,
                             &options) != 0)
        return system_failure("let the connection table grow", errno);
    return {};
}

// Puts a segment where it is already: the kernel returns when no packet is on its way any more that
// had met the table as it was before (maybe_wait_bpf_programs, kernel/bpf/syscall.c).
Result<void> Growth::wait_for_packets() {
    const auto first = first_segment(table_now(maps_.settings()));
    const Fd segment = maps_.segment_fd(first);
    const int fd = segment.get();
    if (!segment.valid() ||
        bpf_map_update_elem(maps_.fd("isobar_conns"), &first, &fd, BPF_ANY) != 0)
        return system_failure("connection table", errno);
    return {};
}

// The mark that does not count now is made for what is there now, and then is the one that counts.
Result<void> Growth::mark() {
    auto& settings = maps_.settings();
    const auto table = table_now(settings);
    const auto begun = jiffies_now(settings);
    const auto mark =
        (away_of(table) & ISOBAR_AWAY_OLDER) != 0 ? ISOBAR_AWAY_OLDER2 : ISOBAR_AWAY_OLDER;
    if (auto done = wait_for_packets(); !done) return done;
    const auto newest = newest_of(table);
    if (auto done = run(ISOBAR_UNMARK, newest, mark); !done) return tl::unexpected(done.error());
    const auto older = mark_older(older_of(table), mark);
    if (!older) return tl::unexpected(older.error());
    publish(newest, *older, *older != 0 ? ISOBAR_AWAY_COUNT | mark : ISOBAR_AWAY_COUNT);
    const auto now = jiffies_now(settings);
    settings.next_marking = now + kMarkEverySeconds * settings.hz + kMarkPause * (now - begun);
    return give_back(newest, *older);
}

// Those that have a record in use yet.
Result<std::uint32_t> Growth::mark_older(std::uint32_t older, std::uint32_t mark) {
    for (std::uint32_t generation = 0; generation < ISOBAR_GENERATIONS; ++generation) {
        if ((older >> generation & 1) == 0) continue;
        const auto used = run(ISOBAR_MARK, generation, mark);
        if (!used) return used;
        if (*used == 0) older &= ~(1u << generation);
    }
    return older;
}

// Segments of generations before the newest that there are no more.
Result<void> Growth::give_back(std::uint32_t newest, std::uint32_t older) {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t number = 1; number < 1u << newest; ++number) {
        const auto generation = std::bit_width(number) - 1;
        if ((older >> generation & 1) == 0 && maps_.segment_fd(number).valid())
            numbers.push_back(number);
    }
    if (numbers.empty()) return {};
    if (auto done = wait_for_packets(); !done) return done;
    // one by one: an array of maps has no deletion of many
    for (const auto number : numbers) bpf_map_delete_elem(maps_.fd("isobar_conns"), &number);
    return {};
}

// The tool program over a generation: how many records it has found.
Result<std::uint32_t> Growth::run(isobar_task task, std::uint32_t generation, std::uint32_t mark) {
    const auto lines = lines_of(maps_.settings(), generation);  // and the first one's position
    std::uint32_t found = 0;
    for (std::uint32_t from = 0; from < lines; from += kToolMostLines) {
        isobar_tool_call call{};
        call.task = task;
        call.from = lines + from;
        call.count = std::min(kToolMostLines, lines - from);
        call.mark = mark;
        if (auto done = tool_.run(call); !done) return tl::unexpected(done.error());
        found += call.found;
    }
    return found;
}

}  // namespace isobar::dataplane
