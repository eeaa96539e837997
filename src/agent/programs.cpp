// SPDX-License-Identifier: Apache-2.0
#include "agent/programs.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstring>

#include "abi/agent.h"
#include "agent/netlink.h"
#include "bpf/agent.skel.h"

namespace isobar::agent {
namespace {

// Behind the director's filters (49). Fixed, so that every agent finds an earlier one's.
constexpr std::uint32_t kHandle = 1;
constexpr std::uint32_t kPriority = 50;
constexpr std::string_view kIngressProgram = "agent_ingress";
constexpr std::string_view kEgressProgram = "agent_egress";

constexpr int kBothSides = BPF_TC_INGRESS | BPF_TC_EGRESS;
constexpr std::array kSides = {BPF_TC_INGRESS, BPF_TC_EGRESS};

// The first thing that libbpf complains about is the cause.
thread_local std::string libbpf_words;
int keep_words(libbpf_print_level level, const char* format, va_list arguments) {
    if (level != LIBBPF_WARN || !libbpf_words.empty()) return 0;
    char line[256];
    std::vsnprintf(line, sizeof line, format, arguments);
    libbpf_words = std::string(line, std::strcspn(line, "\n"));
    return 0;
}

bpf_tc_hook hook_at(int link, bpf_tc_attach_point side) {
    // That there is no clsact is an answer for us; libbpf would complain about it
    libbpf_set_print(keep_words);
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = link, .attach_point = side);
    return hook;
}

std::string_view program_at(bpf_tc_attach_point side) {
    return side == BPF_TC_INGRESS ? kIngressProgram : kEgressProgram;
}

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

isobar_address to_abi(const model::Address& address) {
    isobar_address out{};
    if (address.family == model::Family::V6) {
        std::memcpy(out.word, address.bytes.data(), sizeof out.word);
        return out;
    }
    out.word[2] = htonl(0xffff);
    std::memcpy(&out.word[3], address.bytes.data(), sizeof out.word[3]);
    return out;
}

bool same(const isobar_address& a, const isobar_address& b) {
    return std::memcmp(a.word, b.word, sizeof a.word) == 0;
}

tl::unexpected<Error> load_failure(int code) {
    auto error = system_failure("load BPF programs", code);
    if (libbpf_words.empty()) return error;
    return failure(error.value().fault, error.value().message + " (" + libbpf_words + ")");
}

// The program in our place; nothing if the place is free. Fault::Exists: a stranger's.
Result<std::optional<Fd>> find_filter(int link, bpf_tc_attach_point side) {
    auto hook = hook_at(link, side);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = kPriority);
    const int code = bpf_tc_query(&hook, &options);
    if (code == -EPERM || code == -EACCES) return system_failure("look for filters", -code);
    if (code != 0) return std::nullopt;  // no clsact, no filter, no interface
    Fd program(bpf_prog_get_fd_by_id(options.prog_id));
    if (!program.valid()) return system_failure("open the program of a filter", errno);
    bpf_prog_info info{};
    std::uint32_t length = sizeof info;
    if (bpf_obj_get_info_by_fd(program.get(), &info, &length) != 0)
        return system_failure("look at the program of a filter", errno);
    if (info.name != program_at(side))
        return failure(Fault::Exists,
                       fmt::format("the place of our tc filter (pref {} handle {}) is taken by "
                                   "the program '{}'",
                                   kPriority, kHandle, info.name));
    return program;
}

Result<void> attach_side(int link, bpf_tc_attach_point side, int program) {
    const auto there = find_filter(link, side);
    if (!there) return tl::unexpected(there.error());
    auto hook = hook_at(link, side);
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program,
                .flags = there->has_value() ? static_cast<std::uint32_t>(BPF_TC_F_REPLACE) : 0U,
                .handle = kHandle, .priority = kPriority);
    if (const int code = bpf_tc_attach(&hook, &options); code != 0)
        return system_failure("attach BPF programs", -code);
    return {};
}

// The map of a program that has this name.
Result<Fd> map_of(int program, std::string_view name) {
    std::array<std::uint32_t, 16> ids{};
    bpf_prog_info info{};
    info.nr_map_ids = ids.size();
    info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
    std::uint32_t length = sizeof info;
    if (bpf_obj_get_info_by_fd(program, &info, &length) != 0)
        return system_failure("ask for the program's maps", errno);
    for (std::uint32_t i = 0; i < info.nr_map_ids && i < ids.size(); ++i) {
        Fd map(bpf_map_get_fd_by_id(ids[i]));
        bpf_map_info map_info{};
        length = sizeof map_info;
        if (map.valid() && bpf_obj_get_info_by_fd(map.get(), &map_info, &length) == 0 &&
            map_info.name == name)
            return map;
    }
    return failure(Fault::NotFound, fmt::format("the program has no map '{}'", name));
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

Result<Programs> Programs::load(const std::set<Tunnel>& tunnels, model::Port gue_port,
                                bool quiet_arp) {
    libbpf_set_print(keep_words);
    libbpf_words.clear();
    auto loaded = std::make_unique<Loaded>(isobar_agent::open());
    if (loaded->skeleton == nullptr) return load_failure(errno);
    if (const int code = isobar_agent::load(loaded->skeleton); code != 0)
        return load_failure(-code);

    isobar_agent_settings settings{};
    for (const Tunnel tunnel : tunnels) settings.tunnels |= bit_of(tunnel);
    settings.gue_port = htons(gue_port);
    settings.filter_arp = quiet_arp ? 1 : 0;
    const std::uint32_t first = 0;
    if (bpf_map_update_elem(bpf_map__fd(loaded->skeleton->maps.agent_settings), &first, &settings,
                            BPF_ANY) != 0)
        return system_failure("fill a BPF map", errno);
    return Programs(std::move(loaded));
}

Result<void> Programs::set_addresses(const std::vector<Address>& addresses) {
    const int map = bpf_map__fd(loaded_->skeleton->maps.agent_addresses);
    std::vector<isobar_address> wanted;
    for (const Address& each : addresses) {
        wanted.push_back(to_abi(each.address));
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
    if (facts.link_local) value.link_local = to_abi(*facts.link_local);
    if (bpf_map_update_elem(bpf_map__fd(loaded_->skeleton->maps.agent_links), &link, &value,
                            BPF_ANY) != 0)
        return system_failure("tell the BPF programs of an interface", errno);
    return {};
}

Result<void> Programs::attach(int link) const {
    const bool fresh = !filters_at(link).value_or(std::nullopt).has_value();
    auto done = attach_side(link, BPF_TC_INGRESS, ingress());
    if (!done) return done;
    done = attach_side(link, BPF_TC_EGRESS, egress());
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
    for (const bpf_tc_attach_point side : kSides) {
        const auto there = find_filter(link, side);
        if (!there && there.error().fault != Fault::Exists) return tl::unexpected(there.error());
        if (!there || !there->has_value()) continue;
        auto hook = hook_at(link, side);
        LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = kPriority);
        if (const int code = bpf_tc_detach(&hook, &options); code != 0 && code != -ENOENT)
            return system_failure("detach BPF programs", -code);
    }
    return {};
}

Result<void> make_clsact(int link) {
    auto hook = hook_at(link, static_cast<bpf_tc_attach_point>(kBothSides));
    if (const int code = bpf_tc_hook_create(&hook); code != 0 && code != -EEXIST)
        return system_failure("make a clsact qdisc", -code);
    return {};
}

Result<void> remove_clsact(int link) {
    const auto used = has_filters(link);
    if (!used) return tl::unexpected(used.error());
    if (*used) return {};
    auto hook = hook_at(link, static_cast<bpf_tc_attach_point>(kBothSides));
    const int code = bpf_tc_hook_destroy(&hook);
    if (code != 0 && code != -ENOENT && code != -EINVAL)  // there is none
        return system_failure("remove a clsact qdisc", -code);
    return {};
}

Result<std::optional<FilterState>> filters_at(int link) {
    const auto program = find_filter(link, BPF_TC_INGRESS);
    if (!program && program.error().fault == Fault::Exists) return std::nullopt;
    if (!program) return tl::unexpected(program.error());
    const std::optional<Fd>& incoming = *program;
    if (!incoming) return std::nullopt;
    const auto settings_map = map_of(incoming->get(), "agent_settings");
    if (!settings_map) return tl::unexpected(settings_map.error());
    const auto outgoing = find_filter(link, BPF_TC_EGRESS).value_or(std::nullopt);

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
