// SPDX-License-Identifier: Apache-2.0
#include "agent/sysctls.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>

namespace isobar::agent {
namespace {

constexpr std::array kNames = {"arp_ignore", "arp_announce", "rp_filter"};
constexpr int kLocalOnly = 1;           // arp_ignore: addresses of the interface that was asked
constexpr int kBestAddress = 2;         // arp_announce
constexpr int kStrict = 1, kLoose = 2;  // rp_filter

std::string path_of(const std::string& interface, const std::string& name) {
    return "net/ipv4/conf/" + interface + "/" + name;
}

int value_of(const Sysctls& sysctls, const std::string& interface, const std::string& name) {
    const auto found = sysctls.find(path_of(interface, name));
    return found == sysctls.end() ? 0 : found->second;
}

int in_force(const Sysctls& sysctls, const std::string& interface, const std::string& name) {
    return std::max(value_of(sysctls, "all", name), value_of(sysctls, interface, name));
}

}  // namespace

Sysctls read_sysctls(const std::filesystem::path& proc_sys,
                     const std::vector<std::string>& interfaces) {
    std::vector<std::string> folders = interfaces;
    folders.emplace_back("all");
    Sysctls sysctls;
    for (const std::string& folder : folders) {
        for (const char* name : kNames) {
            const std::string path = path_of(folder, name);
            int value = 0;
            if (std::ifstream(proc_sys / path) >> value) sysctls[path] = value;
        }
    }
    return sysctls;
}

int arp_ignore(const Sysctls& sysctls, const std::string& interface) {
    return in_force(sysctls, interface, "arp_ignore");
}
int arp_announce(const Sysctls& sysctls, const std::string& interface) {
    return in_force(sysctls, interface, "arp_announce");
}
int rp_filter(const Sysctls& sysctls, const std::string& interface) {
    return in_force(sysctls, interface, "rp_filter");
}

bool keeps_quiet(int arp_ignore) {
    return arp_ignore == 1 || arp_ignore == 2 || arp_ignore == 8;
}

std::vector<Sysctl> plan_quiet_arp(const Sysctls& now, const std::vector<std::string>& interfaces) {
    std::vector<Sysctl> plan;
    const auto want = [&](const std::string& interface, const std::string& name, int value) {
        if (value_of(now, interface, name) != value)
            plan.push_back({path_of(interface, name), value});
    };
    // Interfaces that are not listed, or come later, have neighbours, too.
    if (!keeps_quiet(value_of(now, "all", "arp_ignore"))) want("all", "arp_ignore", kLocalOnly);
    if (value_of(now, "all", "arp_announce") < kBestAddress)
        want("all", "arp_announce", kBestAddress);
    for (const std::string& interface : interfaces) {
        if (!keeps_quiet(value_of(now, interface, "arp_ignore")))
            want(interface, "arp_ignore", kLocalOnly);
        if (value_of(now, interface, "arp_announce") < kBestAddress)
            want(interface, "arp_announce", kBestAddress);
    }
    return plan;
}

std::vector<Sysctl> plan_reverse_paths(const Sysctls& now,
                                       const std::vector<std::string>& interfaces) {
    std::vector<Sysctl> plan;
    for (const std::string& interface : interfaces)
        if (rp_filter(now, interface) == kStrict)
            plan.push_back({path_of(interface, "rp_filter"), kLoose});
    return plan;
}

Result<int> read_sysctl(const std::string& path) {
    std::ifstream file("/proc/sys/" + path);
    int value = 0;
    if (!(file >> value)) return system_failure("read sysctl " + path, errno);
    return value;
}

Result<void> write_sysctl(const std::string& path, int value) {
    std::ofstream file("/proc/sys/" + path);
    file << value << std::flush;
    if (!file) return system_failure(fmt::format("set sysctl {} to {}", path, value), errno);
    return {};
}

}  // namespace isobar::agent
