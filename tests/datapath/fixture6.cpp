// SPDX-License-Identifier: Apache-2.0
#include "fixture6.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace isobar::test {
namespace {

std::string neighbour(const model::Address& address, const Host& host) {
    const auto mac = host.mac();
    char text[18];
    std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                  mac[3], mac[4], mac[5]);
    return "neigh add " + address.text() + " lladdr " + text + " nud permanent dev " +
           (host.side == Side::Outside ? "outside" : "inside") + "\n";
}

// Multicast reports (MLDv2) that this namespace has sent on the device.
int reports_sent(const std::string& dev) {
    std::ifstream counters("/proc/thread-self/net/dev_snmp6/" + dev);
    std::string counter;
    for (int value = 0; counters >> counter >> value;)
        if (counter == "Icmp6OutMLDv2Reports") return value;
    return 0;
}

// They pass the programs, and would be counted in the middle of a test.
void wait_for_report(const std::string& dev) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (reports_sent(dev) == 0) {
        if (std::chrono::steady_clock::now() > deadline)
            throw std::runtime_error("no multicast report on " + dev);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

}  // namespace

void enable_ipv6() {
    for (const std::string dev : {"outside", "inside", "lo"}) {
        const auto conf = "ipv6/conf/" + dev + "/";
        if (dev != "lo") {
            write_sysctl(conf + "addr_gen_mode", "1");
            // a report of the all-routers group comes at once; the next one must not in a test
            write_sysctl(conf + "mldv2_unsolicited_report_interval", "100000000");
        }
        write_sysctl(conf + "disable_ipv6", "0");
    }
    write_sysctl("ipv6/conf/all/forwarding", "1");
    for (const char* dev : {"outside", "inside"}) wait_for_report(dev);
    std::string lines =
        "route add 2001:db8::/64 dev outside\n"
        "route add fd00::/64 dev inside\n" +
        neighbour(kClient6, kClient) + neighbour(kRouterOutside6, kClient);
    for (int i = 0; i < 3; ++i) lines += neighbour(kServers6[i], kServers[i]);
    ip(lines);
}

}  // namespace isobar::test
