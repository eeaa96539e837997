// SPDX-License-Identifier: Apache-2.0
#include "kernel/program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace isobar::kernel {
namespace {

thread_local std::string words;

int keep_words(libbpf_print_level level, const char* format, va_list arguments) {
    if (level != LIBBPF_WARN) return 0;
    std::array<char, 512> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    // the verifier's log may follow, line by line
    if (words.size() < 400) words += line.data();
    return 0;
}

}  // namespace

void listen_to_libbpf() {
    libbpf_set_print(keep_words);
    words.clear();
}

const std::string& libbpf_words() {
    return words;
}

std::string program_name(int program) {
    bpf_prog_info info{};
    std::uint32_t length = sizeof(info);
    return bpf_obj_get_info_by_fd(program, &info, &length) == 0 ? info.name : "";
}

Result<std::map<std::string, Fd>> maps_of(int program) {
    std::array<std::uint32_t, 64> ids{};
    bpf_prog_info info{};
    info.nr_map_ids = ids.size();
    info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
    std::uint32_t length = sizeof(info);
    if (bpf_obj_get_info_by_fd(program, &info, &length) != 0)
        return system_failure("ask for the program's maps", errno);
    std::map<std::string, Fd> maps;
    for (std::uint32_t i = 0; i < info.nr_map_ids && i < ids.size(); ++i) {
        Fd map(bpf_map_get_fd_by_id(ids[i]));
        bpf_map_info map_info{};
        length = sizeof(map_info);
        if (!map.valid() || bpf_obj_get_info_by_fd(map.get(), &map_info, &length) != 0)
            return system_failure("open a map", errno);
        maps.emplace(map_info.name, std::move(map));
    }
    return maps;
}

}  // namespace isobar::kernel
