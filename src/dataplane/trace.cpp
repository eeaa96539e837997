// SPDX-License-Identifier: Apache-2.0
#include "dataplane/trace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "abi/trace.h"
#include "bpf/trace.skel.h"
#include "dataplane/attach.h"
#include "dataplane/convert.h"
#include "dataplane/dataplane.h"
#include "dataplane/links.h"
#include "dataplane/maps.h"
#include "dataplane/neighbours.h"
#include "dataplane/verdicts.h"

namespace isobar::dataplane {
namespace {

using std::chrono::nanoseconds;

// A program of the data plane.
struct Target {
    Fd program;
    bool xdp = false;
};

struct Destroy {
    void operator()(isobar_trace* object) const { isobar_trace__destroy(object); }
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
// One a target: a program of this kind is made for what it is put around.
using Object = std::unique_ptr<isobar_trace, Destroy>;

std::uint32_t id_of(int program) {
    bpf_prog_info info{};
    std::uint32_t length = sizeof(info);
    return bpf_obj_get_info_by_fd(program, &info, &length) == 0 ? info.id : 0;
}

// By their ids: on all interfaces it is most often the same.
Result<std::map<std::uint32_t, Target>> find_targets() {
    auto links = list_links();
    if (!links) return tl::unexpected(std::move(links.error()));
    std::map<std::uint32_t, Target> targets;
    for (const Link& link : *links) {
        for (const bool ingress : {true, false}) {
            // A stranger's in our place is no business of ours
            auto program = find_tc(link.index, ingress).value_or(std::nullopt);
            if (program) targets.try_emplace(id_of(program->get()), std::move(*program), false);
        }
        if (auto found = find_xdp(link.index))
            targets.try_emplace(id_of(found->get()), std::move(*found), true);
    }
    return targets;
}

isobar_trace_end to_end(const model::Endpoint& endpoint, std::uint8_t protocol) {
    return {to_abi(endpoint.address), to_network(endpoint.port), protocol, 0};
}

Result<isobar_trace_filter> filter_of(const model::TraceWish& wish) {
    isobar_trace_filter filter{};
    filter.verdicts = wish.verdicts;
    if (wish.client) {
        const unsigned mapped = wish.client->address.family == model::Family::V4 ? 96 : 0;
        constexpr std::uint8_t kAll = 0xff;
        model::Address ones{model::Family::V6, {}};
        ones.bytes.fill(kAll);
        filter.has_client = 1;
        filter.client = to_abi(wish.client->address);
        filter.client_mask =
            to_abi(model::Network::around(ones, mapped + wish.client->prefix).address);
    }
    if (wish.services.size() > std::size(filter.service))
        return failure(Fault::OutOfRange,
                       fmt::format("a trace is of at most {} virtual addresses and ports",
                                   std::size(filter.service)));
    for (const model::ServiceKey& key : wish.services)
        filter.service[filter.services++] = to_end(key.address, protocol_number(key.protocol));
    if (wish.server) {
        filter.has_server = 1;
        filter.server = to_end(*wish.server, 0);
    }
    if (wish.protocol) filter.protocol = protocol_number(*wish.protocol);
    if (wish.port) filter.port = to_network(*wish.port);
    return filter;
}

nanoseconds clock_now(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

}  // namespace

struct Trace::Impl {
    isobar_trace_filter filter{};
    MapFds maps;
    std::map<std::uint32_t, Object> objects;
    std::unique_ptr<ring_buffer, Destroy> ring;
    Fd events;
    std::uint64_t lost_before = 0;  // by programs that are gone

    nanoseconds since_epoch{};  // of the moment that CLOCK_MONOTONIC began
    std::map<std::uint32_t, std::string> names;
    std::vector<Neighbour> neighbours;
    const std::function<bool(const model::TracedPacket&)>* take = nullptr;

    // What changes while a trace runs.
    void look_around();
    Result<void> attach_missing();
    Result<Object> attach(const Target& target);
    Result<void> make_ring(const isobar_trace& first);
    [[nodiscard]] bool is_of_same_state(const Target& target) const;

    const std::string& name_of(std::uint32_t ifindex);
    [[nodiscard]] std::optional<model::Address> neighbour_of(const isobar_trace_event& event) const;
    model::TracedPacket packet_of(const isobar_trace_event& event);
    static int take_one(void* self, void* data, std::size_t size);
};

void Trace::Impl::look_around() {
    since_epoch = clock_now(CLOCK_REALTIME) - clock_now(CLOCK_MONOTONIC);
    names.clear();
    if (auto found = list_neighbours()) neighbours = std::move(*found);
    filter.fullnat = 0;
    if (const auto opened = MappedArray::open(maps.at("isobar_servers").get()))
        for (const isobar_server& server : opened->as<isobar_server>())
            if ((server.flags & ISOBAR_SERVER_USED) && server.method == ISOBAR_METHOD_FULLNAT)
                filter.fullnat = 1;
    const auto server = std::ranges::find_if(neighbours, [&](const Neighbour& each) {
        return filter.has_server && from_abi(filter.server.address) == each.address;
    });
    if (server != neighbours.end()) std::ranges::copy(server->mac, std::begin(filter.server_mac));
    for (auto& [id, object] : objects) {
        object->bss->trace_filter.fullnat = filter.fullnat;
        std::ranges::copy(filter.server_mac, std::begin(object->bss->trace_filter.server_mac));
    }
}

bool Trace::Impl::is_of_same_state(const Target& target) const {
    const auto found = maps_of(target.program.get());
    if (!found) return false;
    const auto settings = found->find("isobar_settings");
    return settings != found->end() &&
           is_same_map(settings->second.get(), maps.at("isobar_settings").get());
}

Result<void> Trace::Impl::make_ring(const isobar_trace& first) {
    events = Fd(::fcntl(bpf_map__fd(first.maps.trace_events), F_DUPFD_CLOEXEC, 0));
    ring.reset(ring_buffer__new(events.get(), take_one, this, nullptr));
    if (!ring) return system_failure("ring buffer", errno);
    return {};
}

Result<Object> Trace::Impl::attach(const Target& target) {
    const auto options = listening_options();
    Object object{isobar_trace__open_opts(&options)};
    if (!object) return load_failure("open BPF object", errno);
    const auto& programs = object->progs;
    bpf_program* const pairs[][2] = {{programs.trace_tc_in, programs.trace_tc_out},
                                     {programs.trace_xdp_in, programs.trace_xdp_out}};
    for (bpf_program* program : pairs[target.xdp ? 0 : 1])
        bpf_program__set_autoload(program, false);
    for (bpf_program* program : pairs[target.xdp ? 1 : 0])
        if (const int code = bpf_program__set_attach_target(program, target.program.get(),
                                                            target.xdp ? kXdpProgram : kTcProgram);
            code != 0)
            return load_failure("put a program around that of the data plane", -code);
    if (auto reused = reuse_maps(object->obj, maps); !reused)
        return tl::unexpected(std::move(reused.error()));
    if (events.valid()) bpf_map__reuse_fd(object->maps.trace_events, events.get());
    object->bss->trace_filter = filter;
    const int loaded = isobar_trace__load(object.get());
    if (loaded == -EPERM)
        return failure(Fault::Permission,
                       "this kernel lets nobody load BPF programs of the type tracing (fentry)");
    if (loaded != 0) return load_failure("load trace programs", -loaded);
    if (const int code = isobar_trace__attach(object.get()); code != 0)
        return load_failure("put a program around that of the data plane", -code);
    if (!ring)
        if (auto made = make_ring(*object); !made) return tl::unexpected(std::move(made.error()));
    return object;
}

Result<void> Trace::Impl::attach_missing() {
    auto targets = find_targets();
    if (!targets) return tl::unexpected(std::move(targets.error()));
    std::erase_if(*targets, [&](const auto& each) { return !is_of_same_state(each.second); });
    if (targets->empty())
        return failure(Fault::NotFound, "the data plane was removed, or made anew");
    for (const auto& [id, target] : *targets) {
        if (objects.contains(id)) continue;
        auto attached = attach(target);
        if (!attached) return tl::unexpected(std::move(attached.error()));
        objects.emplace(id, std::move(*attached));
    }
    for (auto each = objects.begin(); each != objects.end();) {
        if (targets->contains(each->first)) {
            ++each;
            continue;
        }
        lost_before += each->second->bss->trace_lost;
        each = objects.erase(each);
    }
    return {};
}

const std::string& Trace::Impl::name_of(std::uint32_t ifindex) {
    std::string& name = names[ifindex];
    std::array<char, IF_NAMESIZE> buffer{};
    if (name.empty())
        name = ::if_indextoname(ifindex, buffer.data()) != nullptr ? buffer.data()
                                                                   : fmt::format("if{}", ifindex);
    return name;
}

std::optional<model::Address> Trace::Impl::neighbour_of(const isobar_trace_event& event) const {
    const auto gateway = from_abi(event.gateway);
    if (gateway != model::Address{model::Family::V6, {}}) return gateway;
    if (event.hook != ISOBAR_TRACE_XDP) return std::nullopt;
    const auto found = std::ranges::find_if(neighbours, [&](const Neighbour& each) {
        return each.link == static_cast<int>(event.out_ifindex) &&
               std::equal(each.mac.begin(), each.mac.end(), std::begin(event.after.byte));
    });
    if (found == neighbours.end()) return std::nullopt;
    return found->address;
}

model::TracedPacket Trace::Impl::packet_of(const isobar_trace_event& event) {
    const auto frame = [](const isobar_trace_packet& packet) {
        return model::TracedPacket::Frame{
            packet.length, {std::begin(packet.byte), std::begin(packet.byte) + packet.captured}};
    };
    const Verdict& verdict = verdicts()[event.verdict];
    model::TracedPacket packet;
    packet.at = std::chrono::sys_time<nanoseconds>(since_epoch + nanoseconds(event.at));
    packet.interface = name_of(event.ifindex);
    packet.hook = static_cast<model::TracedPacket::Hook>(event.hook);
    packet.verdict = verdict.name;
    packet.meaning = verdict.meaning;
    packet.lost = verdict.lost;
    packet.came = frame(event.before);
    packet.went = frame(event.after);
    if (event.out_ifindex != 0)
        packet.way = {.interface = name_of(event.out_ifindex), .neighbour = neighbour_of(event)};
    return packet;
}

int Trace::Impl::take_one(void* self, void* data, std::size_t size) {
    auto& impl = *static_cast<Impl*>(self);
    if (size < sizeof(isobar_trace_event)) return 0;
    const auto& event = *static_cast<const isobar_trace_event*>(data);
    return (*impl.take)(impl.packet_of(event)) ? 0 : -ECANCELED;
}

// ---- the interface ------------------------------------------------------------------

Trace::Trace(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Trace::Trace(Trace&&) noexcept = default;
Trace& Trace::operator=(Trace&&) noexcept = default;
Trace::~Trace() = default;

Result<Trace> Trace::open(const model::TraceWish& wish) {
    // Says what is wrong with it, if something is
    if (auto plane = Dataplane::open(); !plane) return tl::unexpected(std::move(plane.error()));
    auto filter = filter_of(wish);
    if (!filter) return tl::unexpected(std::move(filter.error()));
    const auto found = find_tc(kLoopback, true);
    if (!found) return tl::unexpected(found.error());
    const std::optional<Fd>& program = *found;
    if (!program) return failure(Fault::NotFound, "the data plane was removed meanwhile");
    auto maps = maps_of(program->get());
    if (!maps) return tl::unexpected(std::move(maps.error()));
    auto impl = std::make_unique<Impl>();
    impl->filter = *filter;
    impl->maps = std::move(*maps);
    Trace trace(std::move(impl));
    if (auto done = trace.follow(); !done) return tl::unexpected(std::move(done.error()));
    return trace;
}

Result<void> Trace::follow() {
    impl_->look_around();
    return impl_->attach_missing();
}

Result<void> Trace::read(std::chrono::milliseconds patience,
                         const std::function<bool(const model::TracedPacket&)>& take) {
    impl_->take = &take;
    const int code = ring_buffer__poll(impl_->ring.get(), static_cast<int>(patience.count()));
    if (code < 0 && code != -EINTR && code != -ECANCELED)
        return system_failure("read the trace", -code);
    return {};
}

std::uint64_t Trace::lost() const {
    std::uint64_t lost = impl_->lost_before;
    for (const auto& [id, object] : impl_->objects) lost += object->bss->trace_lost;
    return lost;
}

}  // namespace isobar::dataplane
