// SPDX-License-Identifier: Apache-2.0
#include "isobard/host.h"

#include <algorithm>
#include <fstream>
#include <string_view>

namespace isobar::isobard {
namespace {

std::string value_of(const std::filesystem::path& proc_sys, std::string name) {
    std::replace(name.begin(), name.end(), '.', '/');
    std::ifstream file(proc_sys / name);
    std::string value;
    std::getline(file, value);
    return value;
}

// Of every interface that learns from routers. With slashes: a name may have dots.
void accept_routers(const std::filesystem::path& proc_sys, std::vector<Sysctl>& missing) {
    std::error_code none;
    for (const auto& conf : std::filesystem::directory_iterator(proc_sys / "net/ipv6/conf", none)) {
        const auto name = "net/ipv6/conf/" + conf.path().filename().string() + "/accept_ra";
        std::string value;
        std::ifstream file(proc_sys / name);
        std::getline(file, value);
        if (value == "1") missing.push_back({name, "2"});
    }
}

dataplane::Hook hook_of(model::HookChoice choice) {
    switch (choice) {
        case model::HookChoice::Auto:
            return dataplane::Hook::Auto;
        case model::HookChoice::Xdp:
            return dataplane::Hook::Xdp;
        case model::HookChoice::Tc:
            return dataplane::Hook::Tc;
    }
    return dataplane::Hook::Auto;
}

}  // namespace

// Servers count, too: a tunnel may be of the other family than its service.
Families families_of(const model::Forwarding& forwarding) {
    const auto is_v6 = [](const model::Endpoint& endpoint) {
        return endpoint.address.family == model::Family::V6;
    };
    const bool v6 =
        std::any_of(forwarding.services.begin(), forwarding.services.end(),
                    [&](const model::VirtualService& service) {
                        return is_v6(service.key.address) ||
                               std::any_of(service.servers.begin(), service.servers.end(),
                                           [&](const auto& each) { return is_v6(each.address); });
                    });
    return v6 ? Families::Both : Families::V4;
}

// Balanced packets are redirected in tc or XDP: they never meet the reverse path filter,
// so the interfaces keep whatever filter the operator gave them. Two things remain:
//
// - ip_forward and IPv6's forwarding: without them the data plane's route lookup says
//   "forwarding is off", and nothing that is masqueraded would be forwarded either. A host that
//   forwards IPv6 no longer takes what routers advertise, and forgets the default route that
//   it learned so; accept_ra 2 makes it go on.
// - a client on the director itself: the data plane hands it the real server's reply
//   through lo, with the virtual address as source. That address is usually one of the
//   director's own, which the kernel takes for a forgery unless lo has accept_local. Where
//   it is not (a routed virtual address), its route does not lead to lo, and a strict
//   filter would drop it. The kernel takes the larger of `all` and `lo`, and 2 (loose) is
//   larger than 1 (strict): setting lo alone loosens lo alone.
std::vector<Sysctl> missing_sysctls(const std::filesystem::path& proc_sys, Families families) {
    std::vector<Sysctl> missing;
    const auto require = [&](const char* name, const char* value) {
        if (value_of(proc_sys, name) != value) missing.push_back({name, value});
    };
    require("net.ipv4.ip_forward", "1");
    if (families == Families::Both && value_of(proc_sys, "net.ipv6.conf.all.forwarding") != "1") {
        accept_routers(proc_sys, missing);  // before: the route is forgotten at once
        missing.push_back({"net.ipv6.conf.all.forwarding", "1"});
    }
    require("net.ipv4.conf.lo.accept_local", "1");
    const std::string all = value_of(proc_sys, "net.ipv4.conf.all.rp_filter");
    const std::string lo = value_of(proc_sys, "net.ipv4.conf.lo.rp_filter");
    if (std::max(all, lo) == "1") missing.push_back({"net.ipv4.conf.lo.rp_filter", "2"});
    return missing;
}

dataplane::Hook hook_for(const std::string& interface, const model::DirectorConfig& config) {
    for (const model::InterfaceConfig& listed : config.interfaces) {
        if (listed.name == interface) return hook_of(listed.hook);
    }
    // No driver of lo's takes XDP natively, and nobody who wants it for the others means lo.
    if (interface == "lo") return dataplane::Hook::Auto;
    return config.interfaces.empty() ? hook_of(config.hook) : dataplane::Hook::Off;
}

bool is_listed(const std::string& interface, const model::DirectorConfig& config) {
    return std::any_of(config.interfaces.begin(), config.interfaces.end(),
                       [&](const auto& listed) { return listed.name == interface; });
}

}  // namespace isobar::isobard
