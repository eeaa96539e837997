// SPDX-License-Identifier: Apache-2.0
// What the director needs of its host beside the data plane: which sysctls, and which hook
// an interface gets. Decisions only: setting them is the director's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "dataplane/dataplane.h"
#include "model/config.h"
#include "model/service.h"

namespace isobar::isobard {

struct Sysctl {
    std::string name;  // "net.ipv4.ip_forward"
    std::string value;
    bool operator==(const Sysctl&) const = default;
};

// What is balanced: a host that has no service of IPv6 is not made a router of it.
enum class Families : std::uint8_t { V4, Both };
Families families_of(const model::Forwarding& forwarding);

// The sysctls that do not have the value we need. `proc_sys` is /proc/sys.
std::vector<Sysctl> missing_sysctls(const std::filesystem::path& proc_sys, Families families);

// As the configuration says: with a list of interfaces all others are off. lo is never off
// (the data plane's state is found there), and takes XDP only where it is listed.
dataplane::Hook hook_for(const std::string& interface, const model::DirectorConfig& config);

// Is the interface listed by name?
bool is_listed(const std::string& interface, const model::DirectorConfig& config);

}  // namespace isobar::isobard
