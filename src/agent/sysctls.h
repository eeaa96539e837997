// SPDX-License-Identifier: Apache-2.0
// The switches of net.ipv4.conf that decide whether a real server keeps quiet about its VIPs
// and takes their packets. What counts is max(all, interface) for each of them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace isobar::agent {

struct Sysctl {
    std::string path;  // below /proc/sys, with slashes: an interface may be called eth0.5
    int value = 0;
    bool operator==(const Sysctl&) const = default;
};

// Path -> value.
using Sysctls = std::map<std::string, int>;

// Those that matter here, of `all` and of these interfaces. `proc_sys` is /proc/sys.
Sysctls read_sysctls(const std::filesystem::path& proc_sys,
                     const std::vector<std::string>& interfaces);

// What is in force for an interface.
int arp_ignore(const Sysctls& sysctls, const std::string& interface);
int arp_announce(const Sysctls& sysctls, const std::string& interface);
int rp_filter(const Sysctls& sysctls, const std::string& interface);

// Does a host with this arp_ignore keep quiet about addresses of lo? (3 looks at the scope,
// 4 to 7 are not used)
bool keeps_quiet(int arp_ignore);

// What must be set so that nobody learns from ARP that VIPs are on lo.
std::vector<Sysctl> plan_quiet_arp(const Sysctls& now, const std::vector<std::string>& interfaces);

// What must be set so that packets of clients are taken from these interfaces although the
// answers may leave by others: loose instead of strict reverse path filters (2: 0 would need
// `all` to be 0, too, and open every other interface; a host that cannot reach its clients
// at all could not answer them either).
std::vector<Sysctl> plan_reverse_paths(const Sysctls& now,
                                       const std::vector<std::string>& interfaces);

Result<int> read_sysctl(const std::string& path);
Result<void> write_sysctl(const std::string& path, int value);

}  // namespace isobar::agent
