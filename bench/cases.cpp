// SPDX-License-Identifier: Apache-2.0
#include "cases.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "dataplane/convert.h"
#include "flows.h"

namespace isobar::bench {
namespace {

using model::Address;
using model::Family;
using model::ForwardingMethod;
using model::Protocol;
using model::Scheduler;
using model::ServiceKey;

constexpr std::uint32_t kMany = 1u << 16;
constexpr std::uint32_t kVeryMany = 1u << 20;
// Connections that tables have room for, unless a row needs more.
constexpr std::uint32_t kTable = 131072;
// As many clients as no run uses up: a flow never comes twice.
constexpr std::uint32_t kEndless = 1u << 28;
constexpr unsigned kServers = 4;

const Address kVirtual = Address::v4(10, 0, 0, 2);
const ServiceKey kTcp{Protocol::Tcp, {kVirtual, 80}};
const ServiceKey kUdp{Protocol::Udp, {kVirtual, 53}};
const ServiceKey kTcp6{Protocol::Tcp, {Address::parse("2001:db8::2").value(), 80}};
const ServiceKey kUdp6{Protocol::Udp, {Address::parse("2001:db8::2").value(), 53}};
const Address kClients6 = Address::parse("2001:db8:1::").value();

ServiceKey service_at(model::Port port) {
    return {Protocol::Tcp, {kVirtual, port}};
}

template <typename T>
Result<std::unique_ptr<Scene>> owned(Result<T> scene) {
    if (!scene) return tl::unexpected(scene.error());
    return std::make_unique<Scene>(std::move(*scene));
}

// Every flow once, in the order of their numbers.
Result<void> send_all(Scene& scene, const Clients& clients, const ServiceKey& service,
                      Segment segment) {
    auto packets = requests(clients, service, segment, Order::AsMade, scene.mac(Side::Outside));
    auto answer = scene.loop(HookPoint::Xdp, Side::Outside).run(packets, clients.flows);
    if (!answer) return tl::unexpected(answer.error());
    return {};
}

std::uint8_t last_byte(const Address& address) {
    return address.bytes[address.family == Family::V6 ? 15 : 3];
}

// Which server has flow 0?
Result<std::uint32_t> server_of_first(const Scene& scene, const Clients& clients,
                                      const ServiceKey& service) {
    const auto client = dataplane::to_abi(clients.first);
    const auto segments = scene.maps().segments();
    for (const auto& conn : segments.conns()) {
        if (conn.life == 0 || conn.client.word[3] != client.word[3] ||
            dataplane::from_network(conn.client_port) != clients.first_port ||
            conn.virtual_port != dataplane::to_network(service.address.port))
            continue;
        const auto address = dataplane::from_abi(scene.maps().servers()[conn.server].address);
        return last_byte(address) - last_byte(Scene::server(0, address.family).address);
    }
    return failure(Fault::NotFound, "a flow that was just made is not in the table");
}

// As a server by fullnat sees the only client of that family and protocol.
Result<Clients> as_local(const Scene& scene, const ServiceKey& service) {
    const auto local = Scene::local(service.address.address.family);
    const auto protocol = dataplane::to_abi(service).protocol;
    const auto segments = scene.maps().segments();
    for (const auto& conn : segments.conns())
        if (conn.life != 0 && conn.protocol == protocol &&
            dataplane::from_abi(conn.client) == local)
            return Clients{local, 1, dataplane::from_network(conn.client_port)};
    return failure(Fault::NotFound, "the only flow has no local port");
}

}  // namespace

Result<void> Case::measure() {
    if (auto done = scene->enter(); !done) return done;
    if (table == Table::Emptied)
        if (auto done = scene->forget_connections(); !done) return done;
    auto& loop = scene->loop(hook, side);
    // What these flows need was driven out of the caches by the rows before: once through
    // all that fit in. (A million do not; and what is new was never there.)
    if (packets.flow_mask < kMany)
        if (auto warm = loop.run(packets, packets.flow_mask + 1); !warm)
            return tl::unexpected(warm.error());
    const auto before = scene->maps().verdicts();
    const auto empty = loop.run_empty(packets, repeat);
    const auto all = loop.run(packets, repeat);
    const auto after = scene->maps().verdicts();
    for (const auto* answer : {&empty, &all})
        if (!*answer) return tl::unexpected(answer->error());
    for (const auto* counts : {&before, &after})
        if (!*counts) return tl::unexpected(counts->error());
    const auto counted = (*after)[verdict] - (*before)[verdict];
    // a table that is full to the brim may refuse a few
    if (counted < repeat - repeat / 100) {
        std::string others;
        for (std::size_t i = 0; i < after->size(); ++i)
            if (i != static_cast<std::size_t>(verdict) && (*after)[i] != (*before)[i])
                others += fmt::format(", verdict {}: {}", i, (*after)[i] - (*before)[i]);
        return failure(Fault::System,
                       fmt::format("{}: only {} of {} packets got the verdict it is about{}", name,
                                   counted, repeat, others));
    }
    ns.add(all->ns - empty->ns);
    return {};
}

void Cases::add(Case row) {
    add_at_xdp(row);
    auto& added = cases_.emplace_back(cases_.back());
    added.hook = HookPoint::Tc;
    added.bound.reset();
    added.packets.count += kEndless / 2;  // clients of its own where all are new
}

void Cases::add_at_xdp(Case row) {
    row.repeat = static_cast<std::uint32_t>(row.repeat * scale_);
    cases_.push_back(std::move(row));
}

Result<void> Cases::add_established() {
    const struct {
        const char* flows;
        const ServiceKey& service;
        Clients clients;
        std::uint32_t repeat;
        std::unique_ptr<Scene>& scene;
        Unit unit;
        std::optional<double> bound;
    } kGroups[] = {
        {"1 flow", kTcp, {Address::v4(10, 64, 0, 0), 1}, 50000, flows_, Unit::H, 2.3},
        {"64K flows", kTcp, {Address::v4(10, 65, 0, 0), kMany}, 65536, flows_, Unit::H64, 1.5},
        {"1M flows", kTcp, {Address::v4(10, 66, 0, 0), kVeryMany}, 131072, large_, Unit::H64, {}},
        {"UDP, 1 flow", kUdp, {Address::v4(10, 64, 0, 0), 1}, 50000, udp_, Unit::H, {}},
        {"UDP, 64K flows", kUdp, {Address::v4(10, 65, 0, 0), kMany}, 65536, udp_, Unit::H64, {}},
    };
    const struct {
        std::unique_ptr<Scene>& scene;
        std::uint32_t connections;
    } kScenes[] = {{flows_, kTable}, {udp_, kTable}, {large_, 1u << 21}};
    for (const auto& [scene, connections] : kScenes) {
        auto made = owned(Scene::make(connections));
        if (!made) return tl::unexpected(made.error());
        scene = std::move(*made);
        for (const auto& key : {kTcp, kUdp})
            if (auto done = scene->add_service(key, Scheduler::Rr, kServers); !done) return done;
    }
    for (const auto& group : kGroups) {
        const auto name = fmt::format("established, {}", group.flows);
        const auto reply = fmt::format("reply, {}", group.flows);
        if (!wanted(name) && !wanted(reply)) continue;
        auto& scene = *group.scene;
        if (auto done = scene.enter(); !done) return done;
        const bool tcp = group.service.protocol == Protocol::Tcp;
        if (auto done = send_all(scene, group.clients, group.service, Segment::Syn); !done)
            return done;
        if (tcp)
            if (auto done = send_all(scene, group.clients, group.service, Segment::Ack); !done)
                return done;
        add({.name = name,
             .scene = &scene,
             .packets = requests(group.clients, group.service, Segment::Ack, Order::Scattered,
                                 scene.mac(Side::Outside)),
             .repeat = group.repeat,
             .unit = group.unit,
             .bound = group.bound});
        const auto first = server_of_first(scene, group.clients, group.service);
        if (!first) return tl::unexpected(first.error());
        add({.name = reply,
             .side = Side::Inside,
             .scene = &scene,
             .packets = replies(group.clients, {Scene::server(0), kServers, *first},
                                group.service.protocol, scene.mac(Side::Inside)),
             .repeat = group.repeat,
             .verdict = ISOBAR_REPLIED,
             .unit = group.unit,
             .bound = group.unit == Unit::H ? group.bound : std::nullopt});
    }
    return {};
}

// All methods but NAT of IPv4.
Result<void> Cases::add_methods() {
    using enum model::ForwardingMethod;
    using enum model::Encapsulation;
    const std::optional<double> kNone;
    const Group kGroups[] = {
        {"direct routing, 1 flow", kTcp, Dr, {}, 1, Unit::H, 0.95},
        {"direct routing, 64K flows", kTcp, Dr, {}, kMany, Unit::H64, 0.8},
        {"direct routing, 1M flows", kTcp, Dr, {}, kVeryMany, Unit::H64, kNone},
        {"IPIP, 1 flow", kTcp, Tun, {Ipip, 0}, 1, Unit::H, 1.2},
        {"IPIP, 64K flows", kTcp, Tun, {Ipip, 0}, kMany, Unit::H64, 0.8},
        {"IPIP, 1M flows", kTcp, Tun, {Ipip, 0}, kVeryMany, Unit::H64, 1.7},
        {"IPIP, UDP, 1 flow", kUdp, Tun, {Ipip, 0}, 1, Unit::H, 1.6},
        {"GUE, 1 flow", kTcp, Tun, {Gue, 6080}, 1, Unit::H, 1.5},
        {"GUE, 64K flows", kTcp, Tun, {Gue, 6080}, kMany, Unit::H64, kNone},
        {"GRE, 1 flow", kTcp, Tun, {Gre, 0}, 1, Unit::H, 1.5},
        {"fullnat, 1 flow", kTcp, FullNat, {}, 1, Unit::H, kNone},
        {"fullnat, 64K flows", kTcp, FullNat, {}, kMany, Unit::H64, kNone},
        {"fullnat, UDP, 1 flow", kUdp, FullNat, {}, 1, Unit::H, kNone},
        {"IPv6, established, 1 flow", kTcp6, Nat, {}, 1, Unit::H, 2.3},
        {"IPv6, established, 64K flows", kTcp6, Nat, {}, kMany, Unit::H64, kNone},
        {"IPv6, established, UDP, 1 flow", kUdp6, Nat, {}, 1, Unit::H, kNone},
        {"IPv6, direct routing, 1 flow", kTcp6, Dr, {}, 1, Unit::H, 1.35},
        {"IPv6, IPIP, 1 flow", kTcp6, Tun, {Ipip, 0}, 1, Unit::H, 1.35},
        {"IPv6, IPIP, 64K flows", kTcp6, Tun, {Ipip, 0}, kMany, Unit::H64, kNone},
        {"IPv6, GUE, 1 flow", kTcp6, Tun, {Gue, 6080}, 1, Unit::H, 1.5},
        {"IPv6, fullnat, 1 flow", kTcp6, FullNat, {}, 1, Unit::H, kNone},
    };
    for (const auto& group : kGroups)
        if (wanted(fmt::format("reply, {}", group.name)))
            if (auto done = add_group(group); !done) return done;
    return {};
}

// Those of a single flow have one together.
Result<Scene*> Cases::scene_of(const Group& group) {
    if (group.flows == 1 && single_) return single_.get();
    const bool fullnat = group.method == ForwardingMethod::FullNat;  // has two records for each
    auto made = owned(Scene::make(std::max(kTable, group.flows * (fullnat ? 4 : 2))));
    if (!made) return tl::unexpected(made.error());
    auto& owner = group.flows == 1 ? single_ : methods_.emplace_back();
    owner = std::move(*made);
    return owner.get();
}

Result<void> Cases::add_group(const Group& group) {
    const auto scene = scene_of(group);
    if (!scene) return tl::unexpected(scene.error());
    if (auto done = (*scene)->enter(); !done) return done;
    auto service = group.service;
    service.address.port = static_cast<model::Port>(100 + cases_.size());  // no other group's
    const auto family = service.address.address.family;
    // nor are the clients: those that come by one port are found at one place
    Clients clients{family == Family::V6 ? kClients6 : Address::v4(10, 66, 0, 0), group.flows};
    clients.first.bytes[family == Family::V6 ? 15 : 3] = static_cast<std::uint8_t>(cases_.size());
    if (auto done =
            (*scene)->add_service(service, Scheduler::Rr, kServers, group.method, group.tunnel);
        !done)
        return done;
    for (const auto segment : {Segment::Syn, Segment::Ack})
        if (auto done = send_all(**scene, clients, service, segment); !done) return done;
    Case row{.name = group.name,
             .scene = *scene,
             .packets = requests(clients, service, Segment::Ack, Order::Scattered,
                                 (*scene)->mac(Side::Outside)),
             .repeat = std::clamp(group.flows, 50000u, 131072u),
             .unit = group.unit,
             .bound = group.bound};
    group.method == ForwardingMethod::Tun ? add_at_xdp(row) : add(row);
    const bool fullnat = group.method == ForwardingMethod::FullNat;
    // which local port a flow has got is not known beforehand
    if (group.method != ForwardingMethod::Nat && !(fullnat && group.flows == 1)) return {};
    const auto first = server_of_first(**scene, clients, service);
    if (!first) return tl::unexpected(first.error());
    const auto back = fullnat ? as_local(**scene, service) : Result<Clients>(clients);
    if (!back) return tl::unexpected(back.error());
    row.name = fmt::format("reply, {}", group.name);
    row.side = Side::Inside;
    row.packets = replies(*back, {Scene::server(0, family), kServers, *first}, service.protocol,
                          (*scene)->mac(Side::Inside));
    row.verdict = ISOBAR_REPLIED;
    add(row);
    return {};
}

Result<void> Cases::add_strangers() {
    const Clients clients{Address::v4(10, 67, 0, 0), kMany};
    const Clients established{Address::v4(10, 65, 0, 0), kMany};
    const ServiceKey stranger{Protocol::Tcp, {Address::v4(10, 0, 0, 99), 80}};
    add({.name = "not a service",
         .scene = flows_.get(),
         .packets = requests(clients, stranger, Segment::Ack, Order::Scattered,
                             flows_->mac(Side::Outside)),
         .repeat = 50000,
         .verdict = ISOBAR_NOT_OURS,
         .bound = 0.35});
    // The second client's port has a connection already, with another service.
    if (auto done = flows_->enter(); !done) return done;
    if (auto done = send_all(*flows_, established, kTcp, Segment::Syn); !done) return done;
    for (const auto& [name, from] : {std::pair{"virtual address, but no service", clients},
                                     std::pair{"the same, client known", established}})
        add({.name = name,
             .scene = flows_.get(),
             .packets = requests(from, service_at(81), Segment::Ack, Order::Scattered,
                                 flows_->mac(Side::Outside)),
             .repeat = 50000,
             .verdict = ISOBAR_NO_SERVICE});
    return {};
}

Result<void> Cases::need_new() {
    if (new_) return new_->enter();
    auto made = owned(Scene::make(kTable));
    if (!made) return tl::unexpected(made.error());
    new_ = std::move(*made);
    return {};
}

Result<void> Cases::add_new() {
    const struct {
        Scheduler scheduler;
        unsigned servers;
        std::optional<double> bound;
    } kSets[] = {{Scheduler::Rr, 10, {}},    {Scheduler::Wlc, 3, 0.55}, {Scheduler::Wlc, 10, 0.55},
                 {Scheduler::Wlc, 1000, {}}, {Scheduler::Lc, 1000, {}}, {Scheduler::Sed, 1000, {}},
                 {Scheduler::Nq, 1000, {}},  {Scheduler::Wrr, 1000, {}}};
    constexpr const char* kFew = "new flow, wlc, 3 servers";
    const auto name_of = [](const auto& set) {
        return fmt::format("new flow, {}, {} servers", model::name(set.scheduler), set.servers);
    };
    if (std::ranges::none_of(kSets, [&](const auto& set) { return wanted(name_of(set)); }))
        return {};
    if (auto done = need_new(); !done) return done;
    model::Port port = 8000;
    for (const auto& set : kSets) {
        const auto key = service_at(++port);
        if (auto done = new_->add_service(key, set.scheduler, set.servers); !done) return done;
        auto packets = requests({Address::v4(10, 64, 0, 0), kEndless}, key, Segment::Syn,
                                Order::AsMade, new_->mac(Side::Outside));
        packets.count = cases_.size() * (kEndless / 256);  // clients that no other row has
        add({.name = name_of(set),
             .scene = new_.get(),
             .packets = packets,
             .repeat = 32768u,
             .unit = Unit::I,
             .bound = set.bound,
             .table = Table::Emptied,
             .compared_with = set.servers > 100 ? kFew : "",
             .times = set.scheduler == Scheduler::Wlc ? std::optional(1.2) : std::nullopt});
    }
    return {};
}

// By each method, and of IPv6.
Result<void> Cases::add_new_by_method() {
    using enum model::ForwardingMethod;
    const struct {
        const char* name;
        const ServiceKey& service;
        ForwardingMethod method;
        std::optional<double> bound;
    } kGroups[] = {{"new flow, UDP", kUdp, Nat, {}},
                   {"new flow, direct routing", kTcp, Dr, {}},
                   {"new flow, IPIP", kTcp, Tun, 0.55},
                   {"new flow, fullnat", kTcp, FullNat, {}},
                   {"new flow, IPv6", kTcp6, Nat, {}}};
    model::Port port = 9000;
    for (const auto& group : kGroups) {
        if (!wanted(group.name)) continue;
        if (auto done = need_new(); !done) return done;
        auto service = group.service;
        service.address.port = ++port;
        if (auto done = new_->add_service(service, Scheduler::Wlc, kServers, group.method); !done)
            return done;
        const bool v6 = service.address.address.family == Family::V6;
        const Case row{
            .name = group.name,
            .scene = new_.get(),
            .packets = requests({v6 ? kClients6 : Address::v4(10, 64, 0, 0), kEndless}, service,
                                Segment::Syn, Order::AsMade, new_->mac(Side::Outside)),
            .repeat = group.method == FullNat ? 16384u : 32768u,  // two records each
            .unit = Unit::I,
            .bound = group.bound,
            .table = Table::Emptied};
        group.method == Tun ? add_at_xdp(row) : add(row);
    }
    return {};
}

Result<void> Cases::add_recycled() {
    constexpr std::uint32_t kConnections = 1u << 18;
    constexpr const char* kName = "new flow, an old one goes, wlc, 10 servers";
    if (!wanted(kName)) return {};
    auto made = owned(Scene::make(kConnections));
    if (!made) return tl::unexpected(made.error());
    recycled_ = std::move(*made);
    if (auto done = recycled_->add_service(kTcp, Scheduler::Wlc, 10); !done) return done;
    // Connections live so short that the table is used over and over, and is never full.
    auto& settings = recycled_->maps().settings();
    settings.timeout[ISOBAR_STATE_SYN_RECV] = settings.hz / 20;
    const Clients clients{Address::v4(10, 64, 0, 0), kEndless};
    auto packets =
        requests(clients, kTcp, Segment::Syn, Order::AsMade, recycled_->mac(Side::Outside));
    auto warm = recycled_->loop(HookPoint::Xdp, Side::Outside).run(packets, 2 * kConnections);
    if (!warm) return tl::unexpected(warm.error());
    add({.name = kName,
         .scene = recycled_.get(),
         .packets = packets,
         .repeat = 200000,
         .unit = Unit::I});
    return {};
}

Result<Cases> Cases::make(double scale, const std::string& only) {
    Cases cases(scale, only);
    for (const auto step : {&Cases::add_established, &Cases::add_methods, &Cases::add_strangers,
                            &Cases::add_new, &Cases::add_new_by_method, &Cases::add_recycled})
        if (auto done = (cases.*step)(); !done) return tl::unexpected(done.error());
    std::erase_if(cases.cases_, [&](const Case& row) { return !cases.wanted(row.name); });
    return cases;
}

}  // namespace isobar::bench
