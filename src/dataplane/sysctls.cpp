// SPDX-License-Identifier: Apache-2.0
#include "dataplane/sysctls.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include <fmt/format.h>

#include "abi/abi.h"

namespace isobar::dataplane {
namespace {

std::string path_below_sys(std::string name) {
    if (name.find('/') == std::string::npos) std::replace(name.begin(), name.end(), '.', '/');
    return name;
}

Result<std::string> read_switch(const std::string& path) {
    std::ifstream file("/proc/sys/" + path);
    std::string value;
    if (!std::getline(file, value)) return system_failure("read sysctl " + path, errno);
    return value;
}

Result<void> write_switch(const std::string& path, const std::string& value) {
    std::ofstream file("/proc/sys/" + path);
    file << value << std::flush;
    if (!file) return system_failure(fmt::format("set sysctl {} to {}", path, value), errno);
    return {};
}

template <typename Text>
bool copy_text(Text& out, const std::string& text) {
    if (text.size() >= sizeof(out.text)) return false;
    std::memcpy(out.text, text.data(), text.size());
    return true;
}

}  // namespace

Result<void> set_sysctl(int saved_map, const std::string& name, const std::string& value) {
    const auto path = path_below_sys(name);
    if (!path.starts_with("net/") || path.find("..") != std::string::npos)
        return failure(Fault::Invalid, fmt::format("{} is not a net.* sysctl", name));
    auto before = read_switch(path);
    if (!before) return tl::unexpected(before.error());
    if (*before == value) return {};
    isobar_sysctl_name key{};
    isobar_sysctl_value old{};
    if (!copy_text(key, path) || !copy_text(old, *before))
        return failure(Fault::Invalid, fmt::format("{} is too long to be remembered", name));
    // only the first value found is the operator's
    if (bpf_map_update_elem(saved_map, &key, &old, BPF_NOEXIST) != 0 && errno != EEXIST)
        return system_failure("remember sysctl " + path, errno);
    return write_switch(path, value);
}

Result<void> restore_sysctls(int saved_map) {
    Result<void> result;
    isobar_sysctl_name key{};
    while (bpf_map_get_next_key(saved_map, nullptr, &key) == 0) {
        isobar_sysctl_value old{};
        if (bpf_map_lookup_elem(saved_map, &key, &old) == 0 &&
            std::filesystem::exists(std::string("/proc/sys/") + key.text))
            if (auto done = write_switch(key.text, old.text); !done) result = std::move(done);
        if (bpf_map_delete_elem(saved_map, &key) != 0) break;
    }
    return result;
}

}  // namespace isobar::dataplane
