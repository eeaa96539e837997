// SPDX-License-Identifier: Apache-2.0
#include "yardsticks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>

#include "bpf/yardstick.skel.h"

namespace isobar::bench {
namespace {

constexpr double kOperations = 8;            // of a program, see yardstick.bpf.c
constexpr std::uint32_t kFills = 65536 / 8;  // runs that visit every key

Result<double> run(int program, std::uint32_t repeat) {
    const std::array<char, 64> frame{};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.size()),
                .repeat = static_cast<int>(repeat));
    if (bpf_prog_test_run_opts(program, &options) != 0)
        return system_failure("BPF_PROG_TEST_RUN", errno);
    return static_cast<double>(options.duration);
}

}  // namespace

const char* name(Unit unit) {
    static constexpr std::array kNames = {"H", "H64", "I"};
    return kNames[static_cast<std::size_t>(unit)];
}

const char* meaning(Unit unit) {
    static constexpr std::array kMeanings = {"hash map: look up one 40-byte key",
                                             "hash map: look up among 65,536 keys",
                                             "hash map: insert and delete a new key"};
    return kMeanings[static_cast<std::size_t>(unit)];
}

Result<Yardsticks> Yardsticks::make() {
    auto* object = isobar_yardstick__open_and_load();
    if (object == nullptr) return system_failure("load the yardsticks", errno);
    Yardsticks made;
    made.object_ = std::shared_ptr<void>(
        object, [](void* o) { isobar_yardstick__destroy(static_cast<isobar_yardstick*>(o)); });
    made.none_ = bpf_program__fd(object->progs.yardstick_none);
    made.programs_ = {bpf_program__fd(object->progs.yardstick_hot),
                      bpf_program__fd(object->progs.yardstick_wide),
                      bpf_program__fd(object->progs.yardstick_insert_delete)};
    if (auto filled = run(bpf_program__fd(object->progs.yardstick_fill), kFills); !filled)
        return tl::unexpected(filled.error());
    return made;
}

Result<void> Yardsticks::measure(std::uint32_t repeat) {
    const auto none = run(none_, repeat);
    if (!none) return tl::unexpected(none.error());
    for (std::size_t i = 0; i < programs_.size(); ++i) {
        // in the caches again what the rows between have driven out: all 65,536 keys
        if (auto warm = run(programs_[i], kFills); !warm) return tl::unexpected(warm.error());
        const auto all = run(programs_[i], repeat);
        if (!all) return tl::unexpected(all.error());
        samples_[i].add((*all - *none) / kOperations);
    }
    return {};
}

}  // namespace isobar::bench
