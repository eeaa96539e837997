// SPDX-License-Identifier: Apache-2.0
#include "agent/programs.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "abi/agent.h"
#include "bpf/agent.skel.h"
#include "kernel/address.h"
#include "kernel/clsact.h"
#include "kernel/program.h"

namespace isobar::agent {
namespace {

using kernel::FilterPlace;
using kernel::Side;

// Behind the director's filters (49).
constexpr FilterPlace kIngress{50, "agent_ingress"};
constexpr FilterPlace kEgress{50, "agent_egress"};

std::uint32_t bit_of(Tunnel tunnel) {
    switch (tunnel) {
        case Tunnel::Ipip:
            return ISOBAR_AGENT_IPIP;
        case Tunnel::Gue:
            return ISOBAR_AGENT_GUE;
        case Tunnel::Gre:
            return ISOBAR_AGENT_GRE;
    }
    return 0;
}

bool same(const isobar_address& a, const isobar_address& b) {
    return std::memcmp(a.word, b.word, sizeof a.word) == 0;
}

tl::unexpected<Error> load_failure(int code) {
    auto error = system_failure("load BPF programs", code);
    const std::string& words = kernel::libbpf_words();
    if (!words.empty()) error.value().message += " (" + words.substr(0, words.find('\n')) + ")";
    return error;
}

// The map of a program that has this name.
Result<Fd> map_of(int program, const std::string& name) {
    auto maps = kernel::maps_of(program);
    if (!maps) return tl::unexpected(std::move(maps.error()));
    const auto found = maps->find(name);
    if (found == maps->end())
        return failure(Fault::NotFound, fmt::format("the program has no map '{}'", name));
    return std::move(found->second);
}

}  // namespace

struct Programs::Loaded {
    explicit Loaded(isobar_agent* opened) : skeleton(opened) {}
    Loaded(const Loaded&) = delete;
    Loaded& operator=(const Loaded&) = delete;
    ~Loaded() { isobar_agent::destroy(skeleton); }  // nothing is there: no harm

    isobar_agent* skeleton;
};

Programs::Programs(std::unique_ptr<Loaded> loaded) : loaded_(std::move(loaded)) {}
Programs::Programs(Programs&&) noexcept = default;
Programs& Programs::operator=(Programs&&) noexcept = default;
Programs::~Programs() = default;

Result<Programs> Programs::load() {
    kernel::listen_to_libbpf();
    auto loaded = std::make_unique<Loaded>(isobar_agent::open());
    if (loaded->skeleton == nullptr) return load_failure(errno);
    if (const int code = isobar_agent::load(loaded->skeleton); code != 0)
        return load_failure(-code);
    return Programs(std::move(loaded));
}

Result<void> Programs::set_work(const std::set<Tunnel>& tunnels, model::Port gue_port,
                                bool quiet_arp) {
    isobar_agent_settings settings{};
    for (const Tunnel tunnel : tunnels) settings.tunnels |= bit_of(tunnel);
    settings.gue_port = htons(gue_port);
    settings.filter_arp = quiet_arp ? 1 : 0;
    const std::uint32_t first = 0;
    if (bpf_map_update_elem(bpf_map__fd(loaded_->skeleton->maps.agent_settings), &first, &settings,
                            BPF_ANY) != 0)
        return system_failure("fill a BPF map", errno);
    return {};
}

Result<void> Programs::set_addresses(const std::vector<Address>& addresses) {
    const int map = bpf_map__fd(loaded_->skeleton->maps.agent_addresses);
    std::vector<isobar_address> wanted;
    for (const Address& each : addresses) {
        wanted.push_back(kernel::to_abi(each.address));
        const std::uint32_t bits =
            (each.own ? ISOBAR_AGENT_OWN : 0U) | (each.vip ? ISOBAR_AGENT_VIP : 0U);
        if (bpf_map_update_elem(map, &wanted.back(), &bits, BPF_ANY) != 0)
            return system_failure("tell the BPF programs an address", errno);
    }
    std::vector<isobar_address> gone;
    isobar_address key{};
    for (const void* previous = nullptr; bpf_map_get_next_key(map, previous, &key) == 0;
         previous = &key)
        if (std::none_of(wanted.begin(), wanted.end(),
                         [&](const isobar_address& each) { return same(each, key); }))
            gone.push_back(key);
    for (const isobar_address& each : gone) bpf_map_delete_elem(map, &each);
    return {};
}

Result<void> Programs::set_link(int link, const LinkFacts& facts) {
    isobar_agent_link value{};
    value.mss4 = facts.mss4;
    value.mss6 = facts.mss6;
    if (facts.link_local) value.link_local = kernel::to_abi(*facts.link_local);
    if (bpf_map_update_elem(bpf_map__fd(loaded_->skeleton->maps.agent_links), &link, &value,
                            BPF_ANY) != 0)
        return system_failure("tell the BPF programs of an interface", errno);
    return {};
}

Result<void> Programs::attach(int link) const {
    const bool fresh = !filters_at(link).value_or(std::nullopt).has_value();
    auto done = kernel::attach_filter(link, Side::Ingress, kIngress, ingress());
    if (!done) return done;
    done = kernel::attach_filter(link, Side::Egress, kEgress, egress());
    if (!done && fresh) (void)detach_filters(link);
    return done;
}

Result<std::vector<Programs::Count>> Programs::counts() const {
    constexpr std::array<std::string_view, ISOBAR_AGENT_EVENT_COUNT> kTexts = {
#define X(name, text) text,
        ISOBAR_AGENT_EVENTS(X)
#undef X
    };
    const int map = bpf_map__fd(loaded_->skeleton->maps.agent_events);
    const int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0) return system_failure("count CPUs", -cpus);
    std::vector<std::uint64_t> values(static_cast<std::size_t>(cpus));
    std::vector<Count> counts;
    for (std::uint32_t event = 0; event < kTexts.size(); ++event) {
        if (bpf_map_lookup_elem(map, &event, values.data()) != 0)
            return system_failure("read the counters", errno);
        std::uint64_t sum = 0;
        for (const std::uint64_t value : values) sum += value;
        counts.push_back({kTexts[event], sum});
    }
    return counts;
}

int Programs::ingress() const {
    return bpf_program__fd(loaded_->skeleton->progs.agent_ingress);
}
int Programs::egress() const {
    return bpf_program__fd(loaded_->skeleton->progs.agent_egress);
}

Result<void> detach_filters(int link) {
    auto done = kernel::detach_filter(link, Side::Ingress, kIngress);
    if (!done) return done;
    return kernel::detach_filter(link, Side::Egress, kEgress);
}

Result<std::optional<FilterState>> filters_at(int link) {
    kernel::listen_to_libbpf();  // it would print that there is no clsact: an answer for us
    const auto program = kernel::find_filter(link, Side::Ingress, kIngress);
    if (!program && program.error().fault == Fault::Exists) return std::nullopt;
    if (!program) return tl::unexpected(program.error());
    const std::optional<Fd>& incoming = *program;
    if (!incoming) return std::nullopt;
    const auto settings_map = map_of(incoming->get(), "agent_settings");
    if (!settings_map) return tl::unexpected(settings_map.error());
    const auto outgoing = kernel::find_filter(link, Side::Egress, kEgress).value_or(std::nullopt);

    const std::uint32_t first = 0;
    isobar_agent_settings settings{};
    if (bpf_map_lookup_elem(settings_map->get(), &first, &settings) != 0)
        return system_failure("read the settings of a BPF program", errno);
    FilterState state;
    state.quiet_arp = settings.filter_arp != 0 && outgoing.has_value();
    for (const Tunnel tunnel : {Tunnel::Ipip, Tunnel::Gue, Tunnel::Gre})
        if ((settings.tunnels & bit_of(tunnel)) != 0) state.tunnels.insert(tunnel);
    if (!outgoing) return state;
    isobar_agent_link facts{};
    const auto links = map_of(outgoing->get(), "agent_links");
    state.clamps_mss = links && bpf_map_lookup_elem(links->get(), &link, &facts) == 0 &&
                       (facts.mss4 != 0 || facts.mss6 != 0);
    return state;
}

}  // namespace isobar::agent
