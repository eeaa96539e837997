// SPDX-License-Identifier: Apache-2.0
#include "dataplane/loading.h"

#include <bpf/bpf.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include <fmt/format.h>

#include "kernel/program.h"

namespace isobar::dataplane {
namespace {

// The verifier's reasons and statistics. Left to itself libbpf would repeat a refused load
// with every instruction in the log, which takes minutes.
constexpr std::uint32_t kLogStatistics = 4;  // BPF_LOG_STATS
thread_local std::array<char, 65536> verifier_log;

std::string first_line_of(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

}  // namespace

bpf_object_open_opts listening_options() {
    kernel::listen_to_libbpf();
    verifier_log[0] = '\0';
    LIBBPF_OPTS(bpf_object_open_opts, options, .kernel_log_buf = verifier_log.data(),
                .kernel_log_size = verifier_log.size(), .kernel_log_level = kLogStatistics);
    return options;
}

tl::unexpected<Error> load_failure(const std::string& what, int code) {
    const auto first_line =
        first_line_of(verifier_log[0] != '\0' ? verifier_log.data() : kernel::libbpf_words());
    if (code == ENOSYS)
        return failure(Fault::Unsupported, what + ": this kernel has no BPF (CONFIG_BPF_SYSCALL)");
    auto error = system_failure(what, code);
    if (!first_line.empty()) error.value().message += " (" + first_line + ")";
    return error;
}

std::optional<std::string> state_map_name(std::string_view name) {
    constexpr std::string_view kSection = ".data.";
    if (name.starts_with(kSection)) return fmt::format("isobar_{}", name.substr(kSection.size()));
    if (!name.starts_with("isobar_") || name.find('.') != std::string_view::npos)
        return std::nullopt;
    return std::string(name);
}

Result<void> reuse_maps(bpf_object* object, const MapFds& maps) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        const auto name = state_map_name(bpf_map__name(map));
        if (!name) continue;
        const auto found = maps.find(*name);
        if (found == maps.end() || bpf_map__reuse_fd(map, found->second.get()) != 0)
            return failure(Fault::Unsupported, fmt::format("the map {} does not fit", *name));
    }
    return {};
}

}  // namespace isobar::dataplane
