// SPDX-License-Identifier: Apache-2.0
// The expected text is what ipvsadm 1.31 printed for these numbers.
#include "ipvsadm/listing.h"

#include <gtest/gtest.h>

#include <string_view>

#include "ipvsadm/test_doubles.h"

namespace isobar::ipvsadm {
namespace {

using model::Endpoint;
using model::Protocol;
using model::Scheduler;

Endpoint at(std::string_view text) {
    return Endpoint::parse(text).value_or(Endpoint{});
}

model::ServerStatus server(std::string_view address, model::Weight weight, std::uint32_t active,
                           std::uint32_t inactive, model::Traffic traffic = {},
                           model::Rates rates = {}) {
    model::ServerStatus status;
    status.server = {.address = at(address), .weight = weight};
    status.active = active;
    status.inactive = inactive;
    status.traffic = traffic;
    status.rates = rates;
    return status;
}

// Newest first, as the data plane hands them out.
std::vector<model::ServiceStatus> recorded_services() {
    model::ServiceStatus web;
    web.key = {Protocol::Tcp, at("10.0.1.100:80")};
    web.scheduler = Scheduler::Wlc;
    web.traffic = {5, 19, 12, 1028, 674};
    web.rates = {0, 0, 0, 17, 11};
    web.servers = {server("10.0.2.13:8080", 3, 1, 1, {2, 8, 5, 432, 280}, {0, 0, 0, 7, 5}),
                   server("10.0.2.12:8080", 2, 1, 1, {2, 8, 5, 432, 280}, {0, 0, 0, 7, 5}),
                   server("10.0.2.11:8080", 1, 1, 0, {1, 3, 2, 164, 114}, {0, 0, 0, 3, 2})};
    model::ServiceStatus sip;
    sip.key = {Protocol::Udp, at("10.0.1.100:5060")};
    sip.scheduler = Scheduler::Rr;
    sip.servers = {server("10.0.2.11:5060", 1, 0, 0)};
    model::ServiceStatus name_service;
    name_service.key = {Protocol::Udp, at("10.0.1.100:53")};
    name_service.scheduler = Scheduler::Rr;
    return {sip, web, name_service};
}

std::string listed(const ListOptions& options,
                   std::vector<model::ServiceStatus> services = recorded_services()) {
    FixedNames names;
    if (options.sorted) sort_services(services);
    std::string text = version_header() + column_header(options);
    for (const auto& service : services) text += list_service(service, options, names);
    return text;
}

ListOptions numeric() {
    ListOptions options;
    options.numeric = true;
    return options;
}

TEST(Listing, ServicesInOrderWithTrailingBlanks) {
    EXPECT_EQ(listed(numeric()),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "TCP  10.0.1.100:80 wlc\n"
              "  -> 10.0.2.11:8080               Masq    1      1          0         \n"
              "  -> 10.0.2.12:8080               Masq    2      1          1         \n"
              "  -> 10.0.2.13:8080               Masq    3      1          1         \n"
              "UDP  10.0.1.100:53 rr\n"
              "UDP  10.0.1.100:5060 rr\n"
              "  -> 10.0.2.11:5060               Masq    1      0          0         \n");
}

TEST(Listing, NoSortKeepsTheOrderOfTheDataPlane) {
    auto options = numeric();
    options.sorted = false;
    EXPECT_EQ(listed(options),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "UDP  10.0.1.100:5060 rr\n"
              "  -> 10.0.2.11:5060               Masq    1      0          0         \n"
              "TCP  10.0.1.100:80 wlc\n"
              "  -> 10.0.2.13:8080               Masq    3      1          1         \n"
              "  -> 10.0.2.12:8080               Masq    2      1          1         \n"
              "  -> 10.0.2.11:8080               Masq    1      1          0         \n"
              "UDP  10.0.1.100:53 rr\n");
}

TEST(Listing, PortsAndHostsHaveNamesByDefault) {
    EXPECT_EQ(listed({}),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "TCP  10.0.1.100:http wlc\n"
              "  -> 10.0.2.11:http-alt           Masq    1      1          0         \n"
              "  -> 10.0.2.12:http-alt           Masq    2      1          1         \n"
              "  -> 10.0.2.13:http-alt           Masq    3      1          1         \n"
              "UDP  10.0.1.100:domain rr\n"
              "UDP  10.0.1.100:sip rr\n"
              "  -> 10.0.2.11:sip                Masq    1      0          0         \n");
}

TEST(Listing, LongNamesAreCutAtTheirColumn) {
    model::ServiceStatus service;
    service.key = {Protocol::Udp, at("10.0.2.99:12345")};
    service.servers = {server("10.0.2.99:80", 1, 1, 0)};

    EXPECT_EQ(listed({}, {service}),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "UDP  rs-with-a-longer-name.exampl wlc\n"
              "  -> rs-with-a-longer-name.exampl Masq    1      1          0         \n");
}

TEST(Listing, Stats) {
    auto options = numeric();
    options.stats = true;
    EXPECT_EQ(listed(options),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
              "  -> RemoteAddress:Port\n"
              "TCP  10.0.1.100:80                       5       19       12     1028      674\n"
              "  -> 10.0.2.11:8080                      1        3        2      164      114\n"
              "  -> 10.0.2.12:8080                      2        8        5      432      280\n"
              "  -> 10.0.2.13:8080                      2        8        5      432      280\n"
              "UDP  10.0.1.100:53                       0        0        0        0        0\n"
              "UDP  10.0.1.100:5060                     0        0        0        0        0\n"
              "  -> 10.0.2.11:5060                      0        0        0        0        0\n");
}

TEST(Listing, Rates) {
    auto options = numeric();
    options.rate = true;
    EXPECT_EQ(listed(options),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n"
              "  -> RemoteAddress:Port\n"
              "TCP  10.0.1.100:80                       0        0        0       17       11\n"
              "  -> 10.0.2.11:8080                      0        0        0        3        2\n"
              "  -> 10.0.2.12:8080                      0        0        0        7        5\n"
              "  -> 10.0.2.13:8080                      0        0        0        7        5\n"
              "UDP  10.0.1.100:53                       0        0        0        0        0\n"
              "UDP  10.0.1.100:5060                     0        0        0        0        0\n"
              "  -> 10.0.2.11:5060                      0        0        0        0        0\n");
}

TEST(Listing, Thresholds) {
    auto options = numeric();
    options.thresholds = true;
    EXPECT_EQ(listed(options),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n"
              "  -> RemoteAddress:Port\n"
              "TCP  10.0.1.100:80 wlc\n"
              "  -> 10.0.2.11:8080               0          0          1          0         \n"
              "  -> 10.0.2.12:8080               0          0          1          1         \n"
              "  -> 10.0.2.13:8080               0          0          1          1         \n"
              "UDP  10.0.1.100:53 rr\n"
              "UDP  10.0.1.100:5060 rr\n"
              "  -> 10.0.2.11:5060               0          0          0          0         \n");
}

TEST(Listing, PersistentConnections) {
    auto options = numeric();
    options.persistent = true;
    EXPECT_EQ(listed(options),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n"
              "  -> RemoteAddress:Port\n"
              "TCP  10.0.1.100:80 wlc\n"
              "  -> 10.0.2.11:8080               1         0           1          0         \n"
              "  -> 10.0.2.12:8080               2         0           1          1         \n"
              "  -> 10.0.2.13:8080               3         0           1          1         \n"
              "UDP  10.0.1.100:53 rr\n"
              "UDP  10.0.1.100:5060 rr\n"
              "  -> 10.0.2.11:5060               1         0           0          0         \n");
}

TEST(Listing, PersistentServicesAndTheirThresholds) {
    model::ServiceStatus secure;
    secure.key = {Protocol::Tcp, at("10.0.1.100:443")};
    secure.persistence = model::Persistence{std::chrono::seconds(360), 24};
    secure.servers = {server("10.0.2.11:443", 1, 1, 0)};
    secure.servers[0].persistent = 1;
    secure.servers[0].server.upper_threshold = 1000;
    secure.servers[0].server.lower_threshold = 500;
    model::ServiceStatus all_ports;
    all_ports.key = {Protocol::Tcp, at("10.0.1.100:0")};
    all_ports.persistence = model::Persistence{std::chrono::seconds(60), 32};
    const std::vector services{all_ports, secure};
    auto options = numeric();
    EXPECT_EQ(listed(options, services),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "TCP  10.0.1.100:0 wlc persistent 60\n"
              "TCP  10.0.1.100:443 wlc persistent 360 mask 255.255.255.0\n"
              "  -> 10.0.2.11:443                Masq    1      1          0         \n");
    options.persistent = true;
    EXPECT_EQ(listed(options, {secure}),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n"
              "  -> RemoteAddress:Port\n"
              "TCP  10.0.1.100:443 wlc persistent 360 mask 255.255.255.0\n"
              "  -> 10.0.2.11:443                1         1           1          0         \n");
    options.thresholds = true;
    EXPECT_EQ(listed(options, {secure}),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n"
              "  -> RemoteAddress:Port\n"
              "TCP  10.0.1.100:443 wlc persistent 360 mask 255.255.255.0\n"
              "  -> 10.0.2.11:443                1000       500        1          0         \n");
}

TEST(Listing, Tunnels) {
    auto options = numeric();
    options.tunnels = true;
    EXPECT_EQ(
        listed(options),
        "IP Virtual Server version 1.2.1 (size=4096)\n"
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n"
        "TCP  10.0.1.100:80 wlc\n"
        "  -> 10.0.2.11:8080               Masq    n/a           1      1          0         \n"
        "  -> 10.0.2.12:8080               Masq    n/a           2      1          1         \n"
        "  -> 10.0.2.13:8080               Masq    n/a           3      1          1         \n"
        "UDP  10.0.1.100:53 rr\n"
        "UDP  10.0.1.100:5060 rr\n"
        "  -> 10.0.2.11:5060               Masq    n/a           1      0          0         \n");
}

TEST(Listing, StatsGoBeforeTheOtherTables) {
    auto all = numeric();
    all.stats = all.rate = all.thresholds = all.persistent = all.tunnels = true;
    auto stats = numeric();
    stats.stats = true;
    EXPECT_EQ(listed(all), listed(stats));
}

model::ServiceStatus busy_service() {
    model::ServiceStatus service;
    service.key = {Protocol::Tcp, at("10.0.1.100:80")};
    service.traffic = {99'999'999, 100'000'000, 999'999'999, 9'999'999'999, 99'999'999'999};
    service.rates = {99'999'999, 100'000'000, 999'999'999, 1'410'065'407, 1'215'752'191};
    service.servers = {
        server("10.0.2.11:8080", 1, 1, 0,
               {4'294'967'295, 100'000'001, 1'000'000'000, 999'999'999'999, UINT64_MAX},
               {4'294'967'295, 100'000'000, 101'500'000, 100'000'000, 4'294'967'295}),
        server("10.0.2.12:8080", 2147483647, 4294967295, 4294967295,
               {0, 99'999'999'999, 100'000'000'000, 99'999'999'999'999, 100'000'000'000'000})};
    return service;
}

TEST(Listing, LargeNumbersAreShortened) {
    auto options = numeric();
    options.stats = true;
    EXPECT_EQ(listed(options, {busy_service()}),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
              "  -> RemoteAddress:Port\n"
              "TCP  10.0.1.100:80                99999999  100000K  999999K    9999M   99999M\n"
              "  -> 10.0.2.11:8080                  4294M  100000K    1000M     999G18446744T\n"
              "  -> 10.0.2.12:8080                      0   99999M     100G   99999G     100T\n");
}

TEST(Listing, ExactNumbersAreNot) {
    auto options = numeric();
    options.stats = options.exact = true;
    EXPECT_EQ(listed(options, {busy_service()}),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n"
              "  -> RemoteAddress:Port\n"
              "TCP  10.0.1.100:80                99999999 100000000 999999999 9999999999 "
              "99999999999\n"
              "  -> 10.0.2.11:8080               4294967295 100000001 1000000000 999999999999 "
              "18446744073709551615\n"
              "  -> 10.0.2.12:8080                      0 99999999999 100000000000 "
              "99999999999999 100000000000000\n");
}

TEST(Listing, OfTheRatesOfServersOnlyBytesAreShortened) {
    auto options = numeric();
    options.rate = true;
    EXPECT_EQ(listed(options, {busy_service()}),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n"
              "  -> RemoteAddress:Port\n"
              "TCP  10.0.1.100:80                99999999  100000K  999999K    1410M    1215M\n"
              "  -> 10.0.2.11:8080               4294967295 100000000 101500000  100000K    4294M\n"
              "  -> 10.0.2.12:8080                      0        0        0        0        0\n");
}

TEST(Listing, WideValuesPushTheirColumns) {
    EXPECT_EQ(listed(numeric(), {busy_service()}),
              "IP Virtual Server version 1.2.1 (size=4096)\n"
              "Prot LocalAddress:Port Scheduler Flags\n"
              "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
              "TCP  10.0.1.100:80 wlc\n"
              "  -> 10.0.2.11:8080               Masq    1      1          0         \n"
              "  -> 10.0.2.12:8080               Masq    2147483647 4294967295 4294967295\n");
}

TEST(Listing, AddressesFarApartComeInTheOrderOfTheirDifference) {
    std::vector<model::ServiceStatus> services(4);
    services[0].key = {Protocol::Udp, at("1.0.0.1:1")};
    services[1].key = {Protocol::Tcp, at("10.0.1.100:20")};
    services[2].key = {Protocol::Tcp, at("10.0.1.9:80")};
    services[3].key = {Protocol::Tcp, at("200.0.1.100:443")};

    sort_services(services);

    EXPECT_EQ(services[0].key.text(), "TCP 200.0.1.100:443");
    EXPECT_EQ(services[1].key.text(), "TCP 10.0.1.9:80");
    EXPECT_EQ(services[2].key.text(), "TCP 10.0.1.100:20");
    EXPECT_EQ(services[3].key.text(), "UDP 1.0.0.1:1");
}

TEST(Listing, AddressesOfIpv6AreSubtractedByWords) {
    std::vector<model::ServiceStatus> services(3);
    services[0].key = {Protocol::Udp, at("10.0.0.1:1")};
    services[1].key = {Protocol::Tcp, at("[2001:db8::1]:80")};
    services[2].key = {Protocol::Tcp, at("[fd00::1]:80")};
    for (const char* address : {"[2001:db8::9]:80", "10.0.0.5:80", "[fd00::2]:80", "[::1]:80"})
        services[0].servers.push_back(server(address, 1, 0, 0));

    sort_services(services);

    EXPECT_EQ(services[0].key.text(), "UDP 10.0.0.1:1");
    EXPECT_EQ(services[1].key.text(), "TCP [fd00::1]:80");
    EXPECT_EQ(services[2].key.text(), "TCP [2001:db8::1]:80");
    std::string servers;
    for (const auto& status : services[0].servers) servers += status.server.address.text() + ' ';
    EXPECT_EQ(servers, "[fd00::2]:80 [::1]:80 10.0.0.5:80 [2001:db8::9]:80 ");
}

model::ConnectionStatus connection(Protocol protocol, int seconds, std::string_view state,
                                   std::string_view client, std::string_view virtual_address,
                                   std::string_view to) {
    return {protocol,   std::chrono::seconds(seconds), std::string(state),
            at(client), at(virtual_address),           at(to)};
}

TEST(Listing, Connections) {
    const std::vector<model::ConnectionStatus> connections = {
        connection(Protocol::Tcp, 884, "ESTABLISHED", "10.0.1.2:20012", "10.0.1.100:80",
                   "10.0.2.12:8080"),
        connection(Protocol::Tcp, 103, "TIME_WAIT", "10.0.1.2:20000", "10.0.1.100:80",
                   "10.0.2.13:8080"),
        connection(Protocol::Tcp, 344, "NONE", "10.0.1.0:0", "10.0.1.100:443", "10.0.2.11:443"),
        connection(Protocol::Udp, 86399, "UDP", "192.168.100.100:65535", "192.168.100.101:65535",
                   "192.168.100.102:65535"),
    };
    FixedNames names;
    EXPECT_EQ(list_connections(connections, numeric(), names),
              "IPVS connection entries\n"
              "pro expire state       source             virtual            destination\n"
              "TCP 14:44  ESTABLISHED 10.0.1.2:20012     10.0.1.100:80      10.0.2.12:8080\n"
              "TCP 01:43  TIME_WAIT   10.0.1.2:20000     10.0.1.100:80      10.0.2.13:8080\n"
              "TCP 05:44  NONE        10.0.1.0:0         10.0.1.100:443     10.0.2.11:443\n"
              "UDP 1439:59 UDP         192.168.100.100:65535 192.168.100.101:65535 "
              "192.168.100.102:65535\n");

    ListOptions with_engine;
    with_engine.persistent = true;
    EXPECT_EQ(list_connections(std::span(connections).first(1), with_engine, names),
              "IPVS connection entries\n"
              "pro expire state       source             virtual            destination        "
              "pe name          pe_data\n"
              "TCP 14:44  ESTABLISHED 10.0.1.2:20012     10.0.1.100:http    10.0.2.12:http-alt\n");
}

TEST(Listing, TheTemplateOfACallSaysWhich) {
    std::vector<model::ConnectionStatus> call{
        connection(Protocol::Udp, 60, "NONE", "10.0.1.0:0", "10.0.1.100:5060", "10.0.2.11:5060")};
    call[0].call_id = "one@example.com";
    FixedNames names;
    auto with_engine = numeric();
    with_engine.persistent = true;

    EXPECT_TRUE(list_connections(call, with_engine, names)
                    .ends_with("\nUDP 01:00  NONE        10.0.1.0:0         10.0.1.100:5060    "
                               "10.0.2.11:5060   sip                one@example.com\n"));
    EXPECT_TRUE(list_connections(call, numeric(), names).ends_with(" 10.0.2.11:5060\n"));
}

TEST(Listing, Timeouts) {
    EXPECT_EQ(list_timeouts({}), "Timeout (tcp tcpfin udp): 900 120 300\n");
}

TEST(Listing, SavedRulesMakeTheServicesAnew) {
    FixedNames names;
    auto services = recorded_services();
    sort_services(services);
    std::string numbers;
    for (const auto& service : services) numbers += save_service(service, {.numeric = true}, names);
    EXPECT_EQ(numbers,
              "-A -t 10.0.1.100:80 -s wlc\n"
              "-a -t 10.0.1.100:80 -r 10.0.2.11:8080 -m -w 1\n"
              "-a -t 10.0.1.100:80 -r 10.0.2.12:8080 -m -w 2\n"
              "-a -t 10.0.1.100:80 -r 10.0.2.13:8080 -m -w 3\n"
              "-A -u 10.0.1.100:53 -s rr\n"
              "-A -u 10.0.1.100:5060 -s rr\n"
              "-a -u 10.0.1.100:5060 -r 10.0.2.11:5060 -m -w 1\n");

    // Names are never cut here: they are read again.
    model::ServiceStatus service;
    service.key = {Protocol::Tcp, at("10.0.1.99:80")};
    service.servers = {server("10.0.2.99:8080", 1, 0, 0)};
    EXPECT_EQ(save_service(service, {}, names),
              "-A -t vip.example.com:http -s wlc\n"
              "-a -t vip.example.com:http -r rs-with-a-longer-name.example.com:http-alt -m -w 1\n");
}

TEST(Listing, ThresholdsAreSavedIfAskedFor) {
    FixedNames names;
    model::ServiceStatus service;
    service.key = {Protocol::Tcp, at("10.0.1.100:80")};
    service.servers = {server("10.0.2.11:80", 1, 0, 0), server("10.0.2.12:80", 1, 0, 0)};
    service.servers[0].server.upper_threshold = 9;

    EXPECT_EQ(save_service(service, {.thresholds = true, .numeric = true}, names),
              "-A -t 10.0.1.100:80 -s wlc\n"
              "-a -t 10.0.1.100:80 -r 10.0.2.11:80 -m -w 1 -x 9 -y 0\n"
              "-a -t 10.0.1.100:80 -r 10.0.2.12:80 -m -w 1\n");
}

}  // namespace
}  // namespace isobar::ipvsadm
