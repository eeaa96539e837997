// SPDX-License-Identifier: Apache-2.0
#include "dataplane/dataplane.h"

#include <bpf/bpf.h>
#include <cap-ng.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cmath>
#include <thread>

#include <fmt/format.h>

#include "bpf/build_id.h"
#include "dataplane/attach.h"
#include "dataplane/convert.h"
#include "dataplane/decision.h"
#include "dataplane/estimator.h"
#include "dataplane/growth.h"
#include "dataplane/links.h"
#include "dataplane/lock.h"
#include "dataplane/maps.h"
#include "dataplane/programs.h"
#include "dataplane/switches.h"
#include "dataplane/sysctls.h"
#include "dataplane/tables.h"
#include "dataplane/verdicts.h"
#include "kernel/program.h"

namespace isobar::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kLongestTimeout = std::chrono::days(31);
// Lookup tables tell members of a set by 16 bits.
constexpr std::uint32_t kMostServers = 0xffff;
// The kernel's errors would come from anywhere in between; this is ipvsadm's.
Result<void> require_root() {
    if (::geteuid() == 0) return {};
    if (::capng_get_caps_process() == 0 &&
        ::capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) != 0)
        return {};
    return failure(Fault::Permission, "Permission denied (you must be root)");
}

void write_timeouts(isobar_settings& settings, const model::Timeouts& timeouts) {
    settings.timeout[ISOBAR_STATE_ESTABLISHED] = jiffies_of(timeouts.tcp, settings.hz);
    settings.timeout[ISOBAR_STATE_FIN_WAIT] = jiffies_of(timeouts.tcp_fin, settings.hz);
    settings.timeout[ISOBAR_STATE_UDP] = jiffies_of(timeouts.udp, settings.hz);
    settings.timeout_s[0] = static_cast<std::uint32_t>(timeouts.tcp.count());
    settings.timeout_s[1] = static_cast<std::uint32_t>(timeouts.tcp_fin.count());
    settings.timeout_s[2] = static_cast<std::uint32_t>(timeouts.udp.count());
}

void write_locality(isobar_settings& settings, const model::LocalityExpiry& expiry) {
    const auto put = [](std::uint32_t& word, std::chrono::seconds value) {
        std::atomic_ref(word).store(static_cast<std::uint32_t>(value.count()));
    };
    put(settings.lblc_expiration, expiry.lblc_expiration);
    put(settings.lblcr_expiration, expiry.lblcr_expiration);
}

// The clocks, at a moment when they tell HZ: 300 s after boot jiffies are 2^32 at any HZ.
Result<isobar_tool_call> telling_clocks(const Tool& tool) {
    for (;;) {
        isobar_tool_call clocks{};
        if (auto done = tool.run(clocks); !done) return tl::unexpected(done.error());
        if (std::abs(static_cast<double>(clocks.ktime_ns) / 1e9 - 300.0) > 1.0) return clocks;
        std::this_thread::sleep_for(100ms);
    }
}

Result<void> write_settings(const Maps& maps, const Tool& tool) {
    auto clocks = telling_clocks(tool);
    if (!clocks) return tl::unexpected(clocks.error());
    auto& settings = maps.settings();
    settings = {};
    settings.abi_version = ISOBAR_ABI_VERSION;
    settings.hz = hz_of(*clocks);
    settings.moment_ns = clocks->ktime_ns;
    settings.moment_jiffies = clocks->jiffies;
    if (::getrandom(&settings.hash_seed, sizeof(settings.hash_seed), 0) !=
        sizeof(settings.hash_seed))
        return system_failure("get random bytes", errno);
    settings.build = kBpfBuild;
    constexpr std::uint32_t kDefaults[] = {
#define X(name, timeout, active) timeout,
        ISOBAR_STATE_LIST(X)
#undef X
    };
    for (std::size_t state = 0; state < std::size(kDefaults); ++state)
        settings.timeout[state] = kDefaults[state] * settings.hz;
    write_timeouts(settings, {});
    settings.ftp_ports[0] = to_network(model::kFtpPort);
    write_locality(settings, {});
    write_switches(settings, {});
    return {};
}

Result<void> check_connections(std::uint32_t number) {
    if (!std::has_single_bit(number) || number < 1024)
        return failure(Fault::Invalid, "the number of connections must be a power of two >= 1024");
    return {};
}

}  // namespace

struct Dataplane::Impl {
    Fd tc;
    Maps maps;
    Tables tables{maps};
    std::optional<Tool> tool;
    Fd xdp;

    Impl(Fd program, Maps all) : tc(std::move(program)), maps(std::move(all)) {}

    Result<const Tool*> get_tool() {
        if (!tool) {
            auto loaded = Tool::load(maps.all());
            if (!loaded) return tl::unexpected(loaded.error());
            tool = std::move(*loaded);
        }
        return &*tool;
    }

    // Jiffies, after the whole table was swept.
    Result<std::uint32_t> sweep() {
        auto loaded = get_tool();
        if (!loaded) return tl::unexpected(loaded.error());
        const std::uint32_t count = maps.settings().lines;
        isobar_tool_call call{};
        call.task = ISOBAR_SWEEP;
        for (std::uint32_t from = 0; from < count; from += kToolMostLines) {
            call.from = from;
            call.count = std::min(kToolMostLines, count - from);
            if (auto done = (*loaded)->run(call); !done) return tl::unexpected(done.error());
        }
        return static_cast<std::uint32_t>(call.jiffies);
    }

    Result<void> set_rules(isobar_rule_origin origin, std::span<const model::MarkRule> wanted);

    Result<int> xdp_program(const std::vector<Link>& links) {
        for (const auto& link : links) {
            if (xdp.valid()) break;
            if (auto found = find_xdp(link.index)) xdp = std::move(*found);
        }
        if (!xdp.valid()) {
            auto loaded = load_xdp(maps.all());
            if (!loaded) return tl::unexpected(loaded.error());
            xdp = std::move(*loaded);
        }
        return xdp.get();
    }

    [[nodiscard]] isobar_port port(int ifindex) const {
        isobar_port port{};
        bpf_map_lookup_elem(maps.fd("isobar_ports"), &ifindex, &port);
        return port;
    }
    void set_port(int ifindex, const isobar_port& port) const {
        bpf_map_update_elem(maps.fd("isobar_ports"), &ifindex, &port, BPF_ANY);
    }

    Result<void> attach_link(const Link& link, const std::vector<Link>& links, Hook hook);
    Result<void> detach_link(const Link& link);
    Result<void> attach_missing(bool lo_last);
    // The namespace's lock, while the state is attached; Fault::NotFound if it is not any longer.
    [[nodiscard]] Result<NamespaceLock> lock_attached() const;
    // The caller holds the namespace's lock.
    Result<void> remove();
};

// ---- opening ------------------------------------------------------------------

Dataplane::Dataplane(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Dataplane::Dataplane(Dataplane&&) noexcept = default;
Dataplane& Dataplane::operator=(Dataplane&&) noexcept = default;
Dataplane::~Dataplane() = default;

Result<Dataplane> Dataplane::open() {
    if (auto root = require_root(); !root) return tl::unexpected(root.error());
    kernel::listen_to_libbpf();
    auto ingress = find_tc(kLoopback, true);
    if (!ingress) return tl::unexpected(ingress.error());
    const auto egress = find_tc(kLoopback, false);
    if (!egress) return tl::unexpected(egress.error());
    std::optional<Fd>& program = *ingress;
    if (!program || !*egress)
        return failure(Fault::NotFound, "there is no data plane in this network namespace");
    auto fds = maps_of(program->get());
    if (!fds) return tl::unexpected(fds.error());
    auto maps = Maps::open(std::move(*fds));
    if (maps && maps->settings().abi_version != ISOBAR_ABI_VERSION)
        maps = failure(Fault::Unsupported, "its layout is of another version");
    if (!maps)
        return tl::unexpected(std::move(maps.error())
                                  .in("the data plane that runs here was made by another version "
                                      "of Isobar"));
    return Dataplane(std::make_unique<Impl>(std::move(*program), std::move(*maps)));
}

Result<Dataplane> Dataplane::open_or_create(const Options& options) {
    if (auto root = require_root(); !root) return tl::unexpected(root.error());
    if (auto fit = check_connections(options.connections); !fit) return tl::unexpected(fit.error());
    if (auto fit = check_connections(options.most_connections); !fit)
        return tl::unexpected(fit.error());
    if (options.servers > kMostServers)
        return failure(Fault::Invalid, fmt::format("at most {} real servers", kMostServers));
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    auto living = open();
    if (living || living.error().fault != Fault::NotFound) return living;

    auto state = load_with_new_maps(options);
    if (!state) return tl::unexpected(state.error());
    auto maps = Maps::open(std::move(state->maps));
    if (!maps) return tl::unexpected(maps.error());
    auto impl = std::make_unique<Impl>(std::move(state->tc), std::move(*maps));
    auto tool = impl->get_tool();
    if (!tool) return tl::unexpected(tool.error());
    if (auto done = write_settings(impl->maps, **tool); !done) return tl::unexpected(done.error());
    auto begun = Growth(impl->maps, **tool)
                     .begin(lines_for(options.connections), lines_for(options.most_connections));
    if (!begun) return tl::unexpected(begun.error());
    // lo last: whoever finds the state finds it complete
    const auto attached = impl->attach_missing(true);
    const auto found = find_tc(kLoopback, true);
    if (!found || !found->has_value()) {
        (void)impl->remove();
        if (!found) return tl::unexpected(found.error());
        return tl::unexpected(attached ? Error{Fault::System, "cannot attach to lo"}
                                       : attached.error());
    }
    return Dataplane(std::move(impl));
}

// ---- change ---------------------------------------------------------------------

Result<void> Dataplane::apply(std::span<const model::Change> changes) {
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    return impl_->tables.apply(changes);
}

Result<void> Dataplane::set_timeouts(const model::Timeouts& timeouts) {
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    auto wanted = this->timeouts();
    const auto take = [](std::chrono::seconds& field, std::chrono::seconds value) {
        if (value != 0s) field = value;
        return value >= 0s && value <= kLongestTimeout;
    };
    if (!take(wanted.tcp, timeouts.tcp) || !take(wanted.tcp_fin, timeouts.tcp_fin) ||
        !take(wanted.udp, timeouts.udp))
        return failure(Fault::OutOfRange, "a timeout must be between 0 and 31 days");
    write_timeouts(impl_->maps.settings(), wanted);
    return {};
}

Result<void> Dataplane::set_switches(const model::Switches& switches) {
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    for (const auto& [name, value, most] : model::kSwitches)
        if (switches.*value > most)
            return failure(Fault::OutOfRange, fmt::format("{}: at most {}", name, most));
    write_switches(impl_->maps.settings(), switches);
    return {};
}

Result<void> Dataplane::set_locality(const model::LocalityExpiry& expiry) {
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    write_locality(impl_->maps.settings(), expiry);
    return {};
}

Result<void> Dataplane::set_ftp_ports(std::span<const model::Port> ports) {
    static_assert(model::kMostFtpPorts == ISOBAR_FTP_PORTS);
    if (ports.size() > ISOBAR_FTP_PORTS)
        return failure(Fault::OutOfRange,
                       fmt::format("FTP may have at most {} ports", ISOBAR_FTP_PORTS));
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    auto& field = impl_->maps.settings().ftp_ports;
    for (std::size_t i = 0; i < std::size(field); ++i)
        std::atomic_ref(field[i]).store(i < ports.size() ? to_network(ports[i]) : __be16{0});
    return {};
}

Result<void> Dataplane::Impl::set_rules(isobar_rule_origin origin,
                                        std::span<const model::MarkRule> wanted) {
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    return tables.set_rules(origin, wanted);
}

Result<void> Dataplane::set_groups(std::span<const model::MarkRule> rules) {
    return impl_->set_rules(ISOBAR_RULE_GROUP, rules);
}

Result<void> Dataplane::set_host_marks(std::span<const model::MarkRule> rules) {
    return impl_->set_rules(ISOBAR_RULE_HOST, rules);
}

std::vector<model::MarkRule> Dataplane::groups() const {
    return MarkRules(impl_->maps).get(ISOBAR_RULE_GROUP);
}

std::vector<model::MarkRule> Dataplane::host_marks() const {
    return MarkRules(impl_->maps).get(ISOBAR_RULE_HOST);
}

bool Dataplane::uses_host_marks() const {
    return impl_->maps.settings().host_marks != 0;
}

// Packets for a removed server do not prolong its connections: whose time is over is swept. Those
// that control others (templates, FTP) go when these have gone, hence the second round.
Result<std::uint32_t> Dataplane::end_connections(const model::ServiceKey& service,
                                                 const model::Endpoint& server) {
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    const auto slot = impl_->tables.removed_slot(service, server);
    if (!slot) return 0;
    const auto segments = impl_->maps.segments();
    std::uint32_t ended = 0;
    for (int round = 0; round < 2; ++round) {
        const auto now = impl_->sweep();
        if (!now) return tl::unexpected(now.error());
        for (isobar_conn& conn : segments.conns()) {
            const auto life = std::atomic_ref(conn.life).load(std::memory_order_acquire);
            if (!(life & ISOBAR_LIFE_KEPT) || conn.server != *slot) continue;
            std::atomic_ref(conn.expires).store(*now - 1, std::memory_order_relaxed);
            if (round == 0) ++ended;
        }
    }
    if (auto swept = impl_->sweep(); !swept) return tl::unexpected(swept.error());
    return ended;
}

Result<void> Dataplane::zero_counters(const std::optional<model::ServiceKey>& service) {
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    return impl_->tables.zero(service);
}

Result<void> Dataplane::addresses_changed() {
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    return impl_->tables.find_ways();
}

// ---- read -------------------------------------------------------------------------

namespace {

model::Traffic readable(const isobar_traffic& traffic, const __u64 (&zero)[ISOBAR_TRAFFIC_ITEMS]) {
    return {traffic.item[ISOBAR_CONNECTIONS] - zero[ISOBAR_CONNECTIONS],
            traffic.item[ISOBAR_IN_PACKETS] - zero[ISOBAR_IN_PACKETS],
            traffic.item[ISOBAR_OUT_PACKETS] - zero[ISOBAR_OUT_PACKETS],
            traffic.item[ISOBAR_IN_BYTES] - zero[ISOBAR_IN_BYTES],
            traffic.item[ISOBAR_OUT_BYTES] - zero[ISOBAR_OUT_BYTES]};
}

Result<model::ServiceStatus> status_of(const Maps& maps, const model::ServiceKey& key,
                                       const Tables::Service& service, std::uint32_t now) {
    const auto& record = maps.services()[service.index];
    model::ServiceStatus status{key, service.scheduler, service.scheduler_flags, {}, {}, {}};
    isobar_traffic total{};
    std::copy_n(record.gone, ISOBAR_TRAFFIC_ITEMS, total.item);
    ScaledRates total_rates;
    for (const auto& member : service.members) {
        const auto traffic = maps.traffic(member.slot);
        if (!traffic) return tl::unexpected(traffic.error());
        const auto& server = maps.servers()[member.slot];
        const auto rates = rates_at(maps.rates()[member.slot], *traffic, now, maps.settings().hz);
        for (int i = 0; i < ISOBAR_TRAFFIC_ITEMS; ++i) {
            total.item[i] += traffic->item[i];
            total_rates.item[i] += rates.item[i];
        }
        status.servers.push_back({member.server, server.active, server.inactive, server.persistent,
                                  server.overloaded != 0, readable(*traffic, server.zero),
                                  readable(rates)});
    }
    status.persistence = service.persistence;
    status.one_packet = service.one_packet;
    status.engine = service.engine;
    status.local = service.local;
    status.traffic = readable(total, record.zero);
    status.rates = readable(total_rates);
    return status;
}

}  // namespace

Result<std::vector<model::ServiceStatus>> Dataplane::services() {
    auto lock = NamespaceLock::take();  // no half-made change is listed
    if (!lock) return tl::unexpected(lock.error());
    const auto& maps = impl_->maps;
    const auto now = impl_->sweep();
    if (!now) return tl::unexpected(now.error());
    std::vector<std::pair<std::uint32_t, model::ServiceStatus>> ordered;
    for (const auto& [key, service] : impl_->tables.services()) {
        auto status = status_of(maps, key, service, *now);
        if (!status) return tl::unexpected(status.error());
        ordered.emplace_back(maps.services()[service.index].created, std::move(*status));
    }
    std::sort(ordered.begin(), ordered.end(),
              [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<model::ServiceStatus> result;
    result.reserve(ordered.size());
    for (auto& [created, status] : ordered) result.push_back(std::move(status));
    return result;
}

Result<std::vector<model::ConnectionStatus>> Dataplane::connections() {
    const auto now = impl_->sweep();
    if (!now) return tl::unexpected(now.error());
    std::vector<model::ConnectionStatus> result;
    ConnectionWalk(impl_->maps, *now).step(SIZE_MAX, [&](model::ConnectionStatus each) {
        result.push_back(std::move(each));
    });
    return result;
}

ConnectionWalk Dataplane::walk(std::uint32_t now) const {
    return {impl_->maps, now};
}

Result<std::uint32_t> Dataplane::jiffies() {
    const auto tool = impl_->get_tool();
    if (!tool) return tl::unexpected(tool.error());
    isobar_tool_call clocks{};
    if (auto done = (*tool)->run(clocks); !done) return tl::unexpected(done.error());
    return static_cast<std::uint32_t>(clocks.jiffies);
}

std::uint64_t Dataplane::identity() const {
    return impl_->maps.settings().hash_seed;
}

std::uint32_t Dataplane::changes() const {
    return std::atomic_ref(impl_->maps.settings().generation).load(std::memory_order_acquire);
}

Result<model::Decision> Dataplane::decide(const model::Question& question, std::uint32_t now) {
    auto lock = NamespaceLock::take();  // no half-made change is told
    if (!lock) return tl::unexpected(lock.error());
    return dataplane::decide(impl_->maps, impl_->tables.services(), question, now);
}

model::Timeouts Dataplane::timeouts() const {
    const auto& settings = impl_->maps.settings();
    return {std::chrono::seconds(settings.timeout_s[0]),
            std::chrono::seconds(settings.timeout_s[1]),
            std::chrono::seconds(settings.timeout_s[2])};
}

model::LocalityExpiry Dataplane::locality() const {
    const auto& settings = impl_->maps.settings();
    return {std::chrono::seconds(settings.lblc_expiration),
            std::chrono::seconds(settings.lblcr_expiration)};
}

std::vector<model::Port> Dataplane::ftp_ports() const {
    std::vector<model::Port> ports;
    for (const auto port : impl_->maps.settings().ftp_ports)
        if (port != 0) ports.push_back(from_network(port));
    return ports;
}

model::Switches Dataplane::switches() const {
    return read_switches(impl_->maps.settings());
}

Result<std::vector<model::EventCount>> Dataplane::events() const {
    static constexpr struct {
        const char* name;
        const char* meaning;
    } kEvents[] = {
#define X(NAME, meaning) {#NAME, meaning},
        ISOBAR_EVENT_LIST(X)
#undef X
    };
    const auto counts = impl_->maps.events();
    if (!counts) return tl::unexpected(counts.error());
    std::vector<model::EventCount> result;
    for (std::size_t i = 0; i < std::size(kEvents); ++i)
        result.push_back({lower(kEvents[i].name), kEvents[i].meaning, (*counts)[i]});
    return result;
}

Result<std::vector<model::VerdictCount>> Dataplane::verdicts() const {
    const auto counts = impl_->maps.verdicts();
    if (!counts) return tl::unexpected(counts.error());
    std::vector<model::VerdictCount> result;
    for (std::size_t i = 0; i < counts->size(); ++i)
        result.push_back(
            {dataplane::verdicts()[i].name, dataplane::verdicts()[i].meaning, (*counts)[i]});
    return result;
}

Result<Dataplane::Capacity> Dataplane::capacity() {
    const auto segments = impl_->maps.segments();
    Capacity capacity{.most = connections_of(impl_->maps.settings().most_lines)};
    for (const auto& line : segments.lines()) {
        for (const auto& conn : line.record)
            if (conn.life & ISOBAR_LIFE_KEPT) ++capacity.used;
        capacity.size += connections_of(1);
    }
    return capacity;
}

// ---- growth --------------------------------------------------------------------------

Result<void> Dataplane::tend() {
    auto lock = impl_->lock_attached();
    if (!lock) return tl::unexpected(lock.error());
    auto tool = impl_->get_tool();
    if (!tool) return tl::unexpected(tool.error());
    return Growth(impl_->maps, **tool).look();
}

std::uint32_t Dataplane::room() const {
    return connections_of(std::atomic_ref(impl_->maps.settings().lines).load());
}

Result<void> Dataplane::set_most_connections(std::uint32_t connections) {
    if (auto fit = check_connections(connections); !fit) return fit;
    std::atomic_ref(impl_->maps.settings().most_lines).store(lines_for(connections));
    return {};
}

// ---- interfaces ----------------------------------------------------------------------

Result<void> Dataplane::Impl::detach_link(const Link& link) {
    if (auto done = detach_xdp(link.index); !done) return done;
    const bool made_clsact = port(link.index).flags & ISOBAR_PORT_CLSACT;
    return detach_tc(link.index, made_clsact);
}

Result<void> Dataplane::Impl::attach_link(const Link& link, const std::vector<Link>& links,
                                          Hook hook) {
    auto attached = attach_tc(link, tc.get());
    if (!attached) return tl::unexpected(attached.error());
    auto state = port(link.index);
    // what is not known to be ours (an older clsact) stays when we go
    state.flags &= static_cast<std::uint32_t>(ISOBAR_PORT_CLSACT);
    state.flags |= ISOBAR_PORT_SEEN;
    if (attached->made_clsact) state.flags |= ISOBAR_PORT_CLSACT;
    if (hook == Hook::Tc) state.flags |= ISOBAR_PORT_TC_ONLY;
    set_port(link.index, state);

    if (hook == Hook::Tc || (hook == Hook::Auto && !link.hardware)) return detach_xdp(link.index);
    auto program = xdp_program(links);
    if (!program) return tl::unexpected(program.error());
    if (auto done = attach_xdp(link, *program); !done)
        // on "auto" a driver that refuses is no fault: tc does it all
        return hook == Hook::Xdp ? done : Result<void>{};
    state.flags |= ISOBAR_PORT_XDP;
    set_port(link.index, state);
    return {};
}

// Who had to wait for the lock may have waited for clear(): what it opened is in no use any more,
// and would come back from the dead if it were attached again.
Result<NamespaceLock> Dataplane::Impl::lock_attached() const {
    auto lock = NamespaceLock::take();
    if (!lock) return lock;
    const auto found = find_tc(kLoopback, true);
    if (!found) return tl::unexpected(found.error());
    if (const auto& program = *found) {
        const auto attached = maps_of(program->get());
        if (!attached) return tl::unexpected(attached.error());
        const auto settings = attached->find("isobar_settings");
        if (settings != attached->end() &&
            is_same_map(settings->second.get(), maps.fd("isobar_settings")))
            return lock;
    }
    return failure(Fault::NotFound, "the data plane was removed meanwhile");
}

Result<void> Dataplane::Impl::attach_missing(bool lo_last) {
    auto links = list_links();
    if (!links) return tl::unexpected(links.error());
    if (lo_last)
        std::stable_partition(links->begin(), links->end(),
                              [](const Link& link) { return !link.loopback; });
    Result<void> result;
    for (const auto& link : *links) {
        if (!(link.ethernet || link.loopback) || link.port_of_switch) continue;
        const auto flags = port(link.index).flags;
        if (flags & ISOBAR_PORT_OFF) continue;
        const bool there = find_tc(link.index, true).value_or(std::nullopt).has_value() &&
                           find_tc(link.index, false).value_or(std::nullopt).has_value();
        if (there && (flags & ISOBAR_PORT_SEEN)) continue;
        auto done = attach_link(link, *links, flags & ISOBAR_PORT_TC_ONLY ? Hook::Tc : Hook::Auto);
        if (!done) result = std::move(done);
    }
    return result;
}

Result<void> Dataplane::attach_all() {
    auto lock = impl_->lock_attached();
    if (!lock) return tl::unexpected(lock.error());
    return impl_->attach_missing(false);
}

Result<void> Dataplane::set_hook(const std::string& interface, Hook hook) {
    auto lock = impl_->lock_attached();
    if (!lock) return tl::unexpected(lock.error());
    auto links = list_links();
    if (!links) return tl::unexpected(links.error());
    const auto link = std::find_if(links->begin(), links->end(),
                                   [&](const Link& l) { return l.name == interface; });
    if (link == links->end())
        return failure(Fault::NotFound, fmt::format("there is no interface {}", interface));
    if (!link->ethernet && !link->loopback)
        return failure(Fault::Unsupported,
                       fmt::format("{} does not carry Ethernet frames", interface));
    if (hook == Hook::Off) {
        if (link->loopback) return failure(Fault::Invalid, "lo cannot be off");
        if (auto done = impl_->detach_link(*link); !done) return done;
        impl_->set_port(link->index, {ISOBAR_PORT_OFF, 0});
        return {};
    }
    return impl_->attach_link(*link, *links, hook);
}

Result<std::vector<InterfaceHooks>> Dataplane::interfaces() const {
    auto links = list_links();
    if (!links) return tl::unexpected(links.error());
    std::vector<InterfaceHooks> result;
    for (const auto& link : *links)
        result.push_back({link.name, find_tc(link.index, true).value_or(std::nullopt).has_value(),
                          find_xdp(link.index).has_value()});
    return result;
}

Result<void> Dataplane::upgrade() {
    auto lock = impl_->lock_attached();
    if (!lock) return tl::unexpected(lock.error());
    auto& settings = impl_->maps.settings();
    if (settings.build == kBpfBuild) return {};
    auto tc = load_tc(impl_->maps.all());
    if (!tc) return tl::unexpected(std::move(tc.error()).in("upgrade"));
    auto xdp = load_xdp(impl_->maps.all());
    if (!xdp) return tl::unexpected(std::move(xdp.error()).in("upgrade"));
    impl_->tc = std::move(*tc);
    impl_->xdp = std::move(*xdp);
    auto links = list_links();
    if (!links) return tl::unexpected(links.error());
    for (const auto& link : *links) {
        if (find_tc(link.index, true).value_or(std::nullopt))
            if (auto done = attach_tc(link, impl_->tc.get()); !done)
                return tl::unexpected(std::move(done.error()).in("upgrade"));
        if (find_xdp(link.index))
            if (auto done = attach_xdp(link, impl_->xdp.get()); !done)
                return std::move(done).map_error(
                    [](Error e) { return std::move(e).in("upgrade"); });
    }
    settings.build = kBpfBuild;
    return {};
}

// ---- the host --------------------------------------------------------------------------

Result<void> Dataplane::set_sysctl(const std::string& name, const std::string& value) {
    auto lock = impl_->lock_attached();
    if (!lock) return tl::unexpected(lock.error());
    return dataplane::set_sysctl(impl_->maps.fd("isobar_saved"), name, value);
}

Result<void> Dataplane::restore_sysctls() {
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    return dataplane::restore_sysctls(impl_->maps.fd("isobar_saved"));
}

Result<void> Dataplane::Impl::remove() {
    auto links = list_links();
    if (!links) return tl::unexpected(links.error());
    std::stable_partition(links->begin(), links->end(),
                          [](const Link& link) { return !link.loopback; });
    auto result = dataplane::restore_sysctls(maps.fd("isobar_saved"));
    for (const auto& link : *links)
        if (auto done = detach_link(link); !done) result = std::move(done);
    return result;
}

Result<void> Dataplane::clear() {
    auto lock = NamespaceLock::take();
    if (!lock) return tl::unexpected(lock.error());
    auto result = impl_->remove();
    impl_.reset();
    return result;
}

}  // namespace isobar::dataplane
