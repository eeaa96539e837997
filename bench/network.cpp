// SPDX-License-Identifier: Apache-2.0
#include "network.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>

#include <fmt/format.h>

namespace isobar::bench {
namespace {

bool write_line(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    return file.good();
}

Result<void> run_ip(const std::string& batch) {
    std::FILE* ip = ::popen("ip -batch -", "w");
    if (ip == nullptr) return system_failure("run ip", errno);
    const bool written = std::fputs(batch.c_str(), ip) >= 0;
    if (::pclose(ip) != 0 || !written)
        return failure(Fault::System, "cannot make the network (ip)");
    return {};
}

std::string commands() {
    std::string text =
        "link set dev lo up\n"
        "addr add 2001:db8::2/128 dev lo nodad\n"
        "link add name outside address 02:00:00:00:00:01 type veth peer name outside-far\n"
        "link add name inside address 02:00:00:00:00:02 type veth peer name inside-far\n"
        "link set dev outside addrgenmode none\nlink set dev inside addrgenmode none\n"
        "link set dev outside-far addrgenmode none\nlink set dev inside-far addrgenmode none\n"
        "link set dev outside up\nlink set dev outside-far up\n"
        "link set dev inside up\nlink set dev inside-far up\n"
        "addr add 10.0.0.1/24 dev outside\n"
        "addr add 172.16.0.1/16 dev inside\n"
        "neigh add 10.0.0.100 lladdr 02:00:00:00:01:00 dev outside nud permanent\n"
        "route add 10.64.0.0/10 via 10.0.0.100\n"
        "addr add 2001:db8::1/64 dev outside nodad\n"
        "addr add fd00::1/64 dev inside nodad\n"
        "addr add 172.16.0.2/16 dev inside\naddr add fd00::2/64 dev inside nodad\n"
        "neigh add 2001:db8::100 lladdr 02:00:00:00:01:00 dev outside nud permanent\n"
        "route add 2001:db8:1::/48 via 2001:db8::100\n";
    for (unsigned i = 0; i < Network::kServers; ++i)
        text += fmt::format(
            "neigh add 172.16.{}.{} lladdr 02:00:00:01:{:02x}:{:02x} dev inside nud permanent\n",
            1 + i / 256, i % 256, i / 256, i % 256);
    for (unsigned i = 0; i < Network::kServers6; ++i)
        text += fmt::format(
            "neigh add fd00::100:{:x} lladdr 02:00:00:02:00:{:02x} dev inside nud permanent\n", i,
            i);
    return text;
}

}  // namespace

Result<Network> Network::make() {
    if (::unshare(CLONE_NEWNET) != 0) return system_failure("make a network namespace", errno);
    Network network;
    network.ns = Fd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!network.ns.valid()) return system_failure("open the network namespace", errno);
    // a router: it solicits none, so that there are no packets but ours
    for (const char* forwarding : {"ipv4/ip_forward", "ipv6/conf/all/forwarding"})
        if (!write_line(fmt::format("/proc/sys/net/{}", forwarding), "1"))
            return failure(Fault::System, fmt::format("cannot set net/{}", forwarding));
    if (auto done = run_ip(commands()); !done) return tl::unexpected(done.error());
    network.outside = static_cast<int>(::if_nametoindex(kOutside));
    network.inside = static_cast<int>(::if_nametoindex(kInside));
    network.outside_mac = {2, 0, 0, 0, 0, 1};
    network.inside_mac = {2, 0, 0, 0, 0, 2};
    return network;
}

Result<void> Network::enter() const {
    if (::setns(ns.get(), CLONE_NEWNET) != 0)
        return system_failure("enter the network namespace", errno);
    return {};
}

}  // namespace isobar::bench
