// SPDX-License-Identifier: Apache-2.0
#include "growth.h"

#include <algorithm>

#include <fmt/format.h>

#include "abi/abi.h"
#include "flows.h"
#include "scene.h"

namespace isobar::bench {
namespace {

using dataplane::first_segment;

constexpr std::uint32_t kFlows = 1u << 20;
constexpr unsigned kServers = 4;
// New connections between two looks of isobard's, a tenth of a second apart.
constexpr std::uint32_t kBetweenLooks = 16384;
constexpr double kMostBytes = 2.0 * 1024 * 1024 * 1024;
constexpr double kMostBytesFor = 10u << 20;

const model::ServiceKey kService{model::Protocol::Tcp, {model::Address::v4(10, 0, 0, 2), 80}};

// Of the millionth `number`; each has 64 addresses.
Clients clients(std::uint32_t number) {
    const auto first = number * 64;
    return {model::Address::v4(10, 70, static_cast<std::uint8_t>(first / 256),
                               static_cast<std::uint8_t>(first % 256)),
            kFlows};
}

// How many of the packets get the verdict; what they cost is added to `ns`.
Result<std::uint64_t> counted(Scene& scene, Side side, bench_control packets,
                              isobar_verdict verdict, double& ns) {
    const auto before = scene.maps().verdicts();
    if (!before) return tl::unexpected(before.error());
    const auto run = scene.loop(HookPoint::Xdp, side).run(packets, kFlows);
    if (!run) return tl::unexpected(run.error());
    const auto after = scene.maps().verdicts();
    if (!after) return tl::unexpected(after.error());
    ns += run->ns * kFlows;
    return (*after)[verdict] - (*before)[verdict];
}

// Begins the connections as isobard would see them: it looks now and then.
Result<void> begin(Scene& scene, const Clients& from, Grown& grown) {
    auto packets = requests(from, kService, Segment::Syn, Order::AsMade, scene.mac(Side::Outside));
    for (std::uint32_t done = 0; done < kFlows; done += kBetweenLooks) {
        const auto run = scene.loop(HookPoint::Xdp, Side::Outside).run(packets, kBetweenLooks);
        if (!run) return tl::unexpected(run.error());
        grown.new_ns += run->ns * kBetweenLooks;
        const auto before = first_segment(scene.maps().settings().table);
        if (auto tended = scene.dataplane().tend(); !tended) return tended;
        if (before == first_segment(scene.maps().settings().table)) continue;
        ++grown.growths;
        const auto bytes = scene.table_memory();
        if (!bytes) return tl::unexpected(bytes.error());
        grown.bytes = std::max(grown.bytes, *bytes);
    }
    return {};
}

// rr: flow f of all goes to server -f % kServers, counted from the newest one.
Result<void> find(Scene& scene, const Clients& from, Grown& grown) {
    const auto requested =
        counted(scene, Side::Outside,
                requests(from, kService, Segment::Ack, Order::Scattered, scene.mac(Side::Outside)),
                ISOBAR_FORWARDED, grown.request_ns);
    if (!requested) return tl::unexpected(requested.error());
    grown.requests += *requested;
    const auto replied = counted(scene, Side::Inside,
                                 replies(from, {Scene::server(0), kServers, kServers - 1},
                                         kService.protocol, scene.mac(Side::Inside)),
                                 ISOBAR_REPLIED, grown.reply_ns);
    if (!replied) return tl::unexpected(replied.error());
    grown.replies += *replied;
    return {};
}

}  // namespace

std::string Grown::text() const {
    const auto each = [&](double all) { return all / static_cast<double>(connections); };
    return fmt::format(
        "{} connections by VS/NAT; the table has grown {} times. ns: with the making of the "
        "packet\n"
        "  new ones                          {:>10}  {:>6.0f} ns\n"
        "  requests that found their server  {:>10}  {:>6.0f} ns\n"
        "  replies that found their client   {:>10}  {:>6.0f} ns\n"
        "  memory of the table               {:>10.2f} GiB, {:.0f} bytes a connection\n",
        connections, growths, connections, each(new_ns), requests, each(request_ns), replies,
        each(reply_ns), bytes / (1 << 30), each(bytes));
}

bool Grown::good() const {
    const double share = std::max(1.0, static_cast<double>(connections) / kMostBytesFor);
    return requests == connections && replies == connections && bytes <= kMostBytes * share;
}

Result<Grown> measure_growth(std::uint32_t millions) {
    auto scene = Scene::make(
        {.connections = dataplane::Options{}.connections, .most_connections = 16777216});
    if (!scene) return tl::unexpected(scene.error());
    if (auto done = scene->add_service(kService, model::Scheduler::Rr, kServers); !done)
        return tl::unexpected(done.error());
    // no state ends meanwhile
    auto& settings = scene->maps().settings();
    std::ranges::fill(settings.timeout, 3600 * settings.hz);
    Grown grown{.connections = std::uint64_t{millions} * kFlows};
    const auto bytes = scene->table_memory();
    if (!bytes) return tl::unexpected(bytes.error());
    grown.bytes = *bytes;
    for (std::uint32_t i = 0; i < millions; ++i)
        if (auto done = begin(*scene, clients(i), grown); !done)
            return tl::unexpected(done.error());
    for (std::uint32_t i = 0; i < millions; ++i)
        if (auto done = find(*scene, clients(i), grown); !done) return tl::unexpected(done.error());
    return grown;
}

}  // namespace isobar::bench
