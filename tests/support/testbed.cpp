// SPDX-License-Identifier: Apache-2.0
#include "support/testbed.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "dataplane/attach.h"
#include "dataplane/convert.h"
#include "support/loaded.h"

namespace isobar::test {
namespace {

constexpr const char* kInterfaces[] = {"outside", "inside"};
constexpr std::uint32_t kIfindex[] = {10, 20};  // chosen when the links are made

std::uint32_t ifindex_of(Side side) {
    return kIfindex[static_cast<int>(side)];
}

std::string mac_text(const Mac& mac) {
    char out[18];
    std::snprintf(out, sizeof(out), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                  mac[4], mac[5]);
    return out;
}

std::string address_text(V4 address) {
    return endpoint(address, 0).address.text();
}

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what);
}

void make_network() {
    // nothing but the test's own frames may pass the programs
    for (const char* which : {"all", "default"})
        if (const auto path = std::string("ipv6/conf/") + which + "/disable_ipv6";
            std::filesystem::exists("/proc/sys/net/" + path))
            write_sysctl(path, "1");
    write_sysctl("ipv4/ip_forward", "1");
    std::string lines = "link set dev lo up\n";
    for (const Side side : {Side::Outside, Side::Inside}) {
        const std::string dev = kInterfaces[static_cast<int>(side)];
        lines += "link add name " + dev + " address " + mac_text(own_mac(side)) + " index " +
                 std::to_string(ifindex_of(side)) + " type veth peer name " + dev + "-peer\n";
        lines += "link set dev " + dev + " up\nlink set dev " + dev + "-peer up\n";
    }
    lines += "addr add " + address_text(kOwnOutside) + "/24 dev outside\n";
    lines += "addr add " + address_text(kVip) + "/24 dev outside\n";
    lines += "addr add " + address_text(kOwnInside) + "/24 dev inside\n";
    for (const auto& host : {kClient, kServers[0], kServers[1], kServers[2]})
        lines += "neigh add " + address_text(host.address) + " lladdr " + mac_text(host.mac()) +
                 " nud permanent dev " + kInterfaces[static_cast<int>(host.side)] + "\n";
    ip(lines);
}

Action tc_action(std::uint32_t answer) {
    switch (static_cast<int>(answer)) {
        case TC_ACT_UNSPEC:
            return Action::Pass;
        case TC_ACT_REDIRECT:
            return Action::Redirect;
        case TC_ACT_SHOT:
            return Action::Drop;
        default:
            return Action::Unknown;
    }
}

Action xdp_action(std::uint32_t answer) {
    switch (answer) {
        case XDP_PASS:
            return Action::Pass;
        case XDP_REDIRECT:
            return Action::Redirect;
        case XDP_DROP:
            return Action::Drop;
        default:
            return Action::Unknown;
    }
}

template <typename T>
Run run_program(int program, T& context, const Bytes& frame, Action (*action)(std::uint32_t)) {
    Run result;
    result.frame.resize(frame.size() + 128);  // an ICMP error is at most 28 bytes longer
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_out = result.frame.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.size()),
                .data_size_out = static_cast<std::uint32_t>(result.frame.size()),
                .ctx_in = &context, .ctx_size_in = sizeof(context));
    if (bpf_prog_test_run_opts(program, &options) != 0)
        fail("BPF_PROG_TEST_RUN of " + std::to_string(frame.size()) +
             " bytes: " + std::strerror(errno));
    result.frame.resize(options.data_size_out);
    result.action = action(options.retval);
    return result;
}

}  // namespace

Mac Host::mac() const {
    return {2,
            0,
            0,
            0,
            static_cast<std::uint8_t>(1 + static_cast<int>(side)),
            static_cast<std::uint8_t>(address)};
}

Mac own_mac(Side side) {
    return {2, 0, 0, 0, 0, static_cast<std::uint8_t>(1 + static_cast<int>(side))};
}

namespace {

std::uint16_t ether_type(const Bytes& packet) {
    return !packet.empty() && packet[0] >> 4 == 6 ? 0x86dd : 0x0800;
}

}  // namespace

Bytes arriving(const Host& from, const Bytes& packet) {
    return on_wire({own_mac(from.side), from.mac()}, packet, ether_type(packet));
}

Bytes to_lo(const Host& from, const Bytes& packet) {
    return on_wire({{}, from.mac()}, packet, ether_type(packet));
}

Bytes leaving(Hook hook, const Host& from, const Host& to, const Bytes& packet) {
    if (hook == Hook::Xdp) return on_wire({to.mac(), own_mac(to.side)}, packet, ether_type(packet));
    return arriving(from, packet);
}

model::Endpoint endpoint(V4 address, model::Port port) {
    return {model::Address::v4(
                static_cast<std::uint8_t>(address >> 24), static_cast<std::uint8_t>(address >> 16),
                static_cast<std::uint8_t>(address >> 8), static_cast<std::uint8_t>(address)),
            port};
}

model::ServiceKey service(model::Protocol protocol, model::Port port, V4 address) {
    return {protocol, endpoint(address, port)};
}

const char* name(isobar_verdict verdict) {
    static constexpr const char* kNames[] = {
#define X(name, action, meaning) #name,
        ISOBAR_VERDICT_LIST(X)
#undef X
            "none, or more than one"};
    return kNames[verdict];
}

// ---- the namespace ----

void ip(const std::string& lines, bool v6) {
    int ends[2];
    if (::pipe(ends) != 0) fail("pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    const char* const argv[] = {"ip", "-batch", "-", v6 ? "-6" : nullptr, nullptr};
    const char* const environment[] = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin", nullptr};
    pid_t child = 0;
    const int code = ::posix_spawnp(&child, "ip", &actions, nullptr, const_cast<char* const*>(argv),
                                    const_cast<char* const*>(environment));
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[0]);
    // all lines fit into the pipe's buffer
    const auto written = ::write(ends[1], lines.data(), lines.size());
    ::close(ends[1]);
    int status = 0;
    if (code != 0 || ::waitpid(child, &status, 0) != child || status != 0 ||
        written != static_cast<ssize_t>(lines.size()))
        fail("ip failed:\n" + lines);
}

void write_sysctl(const std::string& path, const std::string& value) {
    std::ofstream file("/proc/sys/net/" + path);
    if (!(file << value << std::flush)) fail("cannot write " + path);
}

// ---- the director ----

Result<Testbed> Testbed::make(const Sizes& sizes) {
    if (::geteuid() != 0) return failure(Fault::Permission, "needs root");
    if (::unshare(CLONE_NEWNET) != 0) return system_failure("make a network namespace", errno);
    make_network();
    static std::map<Sizes, Loaded> all_loaded;
    const auto loaded = all_loaded.find(sizes);
    if (loaded != all_loaded.end())
        if (auto attached = loaded->second.attach(); !attached)
            return tl::unexpected(std::move(attached.error()));
    auto plane = dataplane::Dataplane::open_or_create(
        {.connections = sizes.connections,
         .most_connections = std::max(sizes.connections, sizes.most_connections),
         .servers = sizes.servers,
         .services = 128,
         .maglev_services = 16});
    if (!plane) return tl::unexpected(plane.error());
    for (const char* interface : kInterfaces)
        if (auto done = plane->set_hook(interface, dataplane::Hook::Xdp); !done)
            return tl::unexpected(done.error());
    if (loaded == all_loaded.end()) {
        auto taken = Loaded::take(static_cast<int>(ifindex_of(Side::Outside)));
        if (!taken) return tl::unexpected(std::move(taken.error()));
        all_loaded.emplace(sizes, std::move(*taken));
    }

    auto tc = dataplane::find_tc(dataplane::kLoopback, true);
    auto xdp = dataplane::find_xdp(static_cast<int>(ifindex_of(Side::Outside)));
    if (!tc || !*tc || !xdp)
        return failure(Fault::NotFound, "the programs are not where they should be");
    auto fds = dataplane::maps_of((*tc)->get());
    if (!fds) return tl::unexpected(fds.error());
    auto tool = dataplane::Tool::load(*fds);
    if (!tool) return tl::unexpected(tool.error());
    auto maps = dataplane::Maps::open(std::move(*fds));
    if (!maps) return tl::unexpected(maps.error());
    return Testbed(std::move(*plane), std::move(*maps), std::move(*tool),
                   {std::move(**tc), std::move(*xdp)});
}

Run Testbed::run_tc(std::uint32_t ifindex, std::uint32_t arrived_on, const Bytes& frame,
                    std::uint32_t segment, std::uint32_t mark) const {
    __sk_buff context{};
    context.mark = mark;
    context.ifindex = ifindex;
    context.ingress_ifindex = arrived_on;
    context.gso_size = segment;
    context.gso_segs = segment == 0 ? 0 : static_cast<std::uint32_t>(frame.size()) / segment + 1;
    return run_program(programs_.tc.get(), context, frame, tc_action);
}

Run Testbed::run_xdp(std::uint32_t ifindex, const Bytes& frame) const {
    xdp_md context{};
    context.data_end = static_cast<std::uint32_t>(frame.size());
    context.ingress_ifindex = ifindex;
    return run_program(programs_.xdp.get(), context, frame, xdp_action);
}

Run Testbed::run(Hook hook, Side side, const Bytes& frame, std::uint32_t segment,
                 std::uint32_t mark) const {
    const auto ifindex = ifindex_of(side);
    switch (hook) {
        case Hook::Ingress:
            return run_tc(ifindex, ifindex, frame, segment, mark);
        case Hook::Egress:
            return run_tc(ifindex, 0, frame, segment, mark);
        case Hook::Xdp:
            return run_xdp(ifindex, frame);
    }
    return {};
}

template <typename RunIt>
Outcome Testbed::with_verdict(RunIt&& run_it) const {
    const auto before = maps_.verdicts().value();
    Run done = run_it();
    const auto after = maps_.verdicts().value();
    Outcome outcome{ISOBAR_VERDICTS, done.action, std::move(done.frame)};
    std::uint64_t rose = 0;
    for (std::size_t i = 0; i < after.size(); ++i) {
        rose += after[i] - before[i];
        if (after[i] != before[i]) outcome.verdict = static_cast<isobar_verdict>(i);
    }
    if (rose != 1) outcome.verdict = ISOBAR_VERDICTS;
    return outcome;
}

Outcome Testbed::send(Hook hook, Side side, const Bytes& frame, std::uint32_t segment,
                      std::uint32_t mark) const {
    return with_verdict([&] { return run(hook, side, frame, segment, mark); });
}

Outcome Testbed::send_local(const Bytes& packet) const {
    const auto frame = on_wire({}, packet, ether_type(packet));  // lo has no MAC address
    return with_verdict([&] { return run_tc(0, 0, frame, 0, 0); });
}

std::uint64_t Testbed::count(isobar_verdict verdict) const {
    return maps_.verdicts().value()[verdict];
}

std::uint32_t Testbed::jiffies() const {
    isobar_tool_call clocks{};
    if (auto done = tool_.run(clocks); !done) fail(done.error().message);
    return static_cast<std::uint32_t>(clocks.jiffies);
}

void Testbed::apply(std::vector<model::Change> changes) {
    if (auto done = plane_.apply(changes); !done) fail(done.error().message);
}

void Testbed::add_service(const model::ServiceKey& key, model::Scheduler scheduler,
                          const std::vector<model::Weight>& weights, model::Port port) {
    std::vector<model::Change> changes{model::AddService{key, scheduler}};
    for (std::size_t i = 0; i < weights.size(); ++i)
        changes.emplace_back(
            model::AddServer{key, {endpoint(kServers[i].address, port), weights[i]}});
    apply(std::move(changes));
}

const dataplane::Segments& Testbed::segments() const {
    const auto table = maps_.settings().table;
    if (table != segments_of_) segments_.push_back(maps_.segments());
    segments_of_ = table;
    return segments_.back();
}

std::vector<isobar_conn*> Testbed::connections() const {
    std::vector<isobar_conn*> result;
    for (auto& conn : conns())
        if (conn.life & (ISOBAR_LIFE_LIVE | ISOBAR_LIFE_CLAIMED)) result.push_back(&conn);
    return result;
}

std::uint32_t Testbed::counted() const {
    std::uint32_t sum = 0;
    for (const auto& server : maps_.servers()) sum += server.active + server.inactive;
    return sum;
}

void Testbed::end_all() {
    for (auto* conn : connections()) conn->expires = jiffies() - 1;
    (void)plane_.connections();  // sweeps
}

std::size_t Testbed::tags_in_use() const {
    std::size_t used = 0;
    for (const auto& line : segments().lines())
        used += ISOBAR_WAYS - static_cast<std::size_t>(std::ranges::count(line.tags.tag, 0));
    return used;
}

isobar_server& Testbed::server(const Host& host) const {
    return server(endpoint(host.address, 0).address);
}

isobar_server& Testbed::server(const model::Address& wanted) const {
    const auto address = dataplane::to_abi(wanted);
    for (auto& server : maps_.servers())
        if (server.flags != 0 && std::memcmp(&server.address, &address, sizeof(address)) == 0)
            return server;
    fail("there is no such server");
}

bpf_map_info Testbed::nexthops() const {
    bpf_map_info info{};
    std::uint32_t length = sizeof(info);
    if (bpf_obj_get_info_by_fd(maps_.fd("isobar_nexthops"), &info, &length) != 0)
        fail("isobar_nexthops");
    info.value_size = (info.value_size + 7u) & ~7u;
    return info;
}

void Testbed::forget_nexthops() const {
    const auto info = nexthops();
    const Bytes nothing(info.value_size * static_cast<std::size_t>(libbpf_num_possible_cpus()));
    for (std::uint32_t slot = 0; slot < info.max_entries; ++slot)
        bpf_map_update_elem(maps_.fd("isobar_nexthops"), &slot, nothing.data(), BPF_ANY);
}

std::size_t Testbed::known_destinations() const {
    const auto info = nexthops();
    const auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
    Bytes values(info.value_size * cpus);
    std::set<Bytes> destinations;  // what an element begins with
    for (std::uint32_t slot = 0; slot < info.max_entries; ++slot) {
        if (bpf_map_lookup_elem(maps_.fd("isobar_nexthops"), &slot, values.data()) != 0)
            fail("isobar_nexthops");
        for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
            const auto* begin = values.data() + cpu * info.value_size;
            destinations.emplace(begin, begin + sizeof(isobar_address));
        }
    }
    destinations.erase(Bytes(sizeof(isobar_address)));
    return destinations.size();
}

}  // namespace isobar::test
