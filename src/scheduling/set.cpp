// SPDX-License-Identifier: Apache-2.0
#include "scheduling/set.h"

#include "scheduling/lookup_table.h"

namespace isobar::scheduling {
namespace {

WeightSummary summary_of(std::span<const SetMember> members) {
    std::vector<std::uint32_t> weights;
    weights.reserve(members.size());
    for (const SetMember& member : members) weights.push_back(member.weight);
    return summarise(weights);
}

LookupTable table_of(std::uint32_t scheduler, std::span<const SetMember> members) {
    std::vector<LookupServer> servers;
    servers.reserve(members.size());
    for (const SetMember& member : members)
        servers.push_back({member.address, member.weight, member.last_weight});
    return make_lookup_table(scheduler, servers);
}

}  // namespace

Cursor first_cursor(std::span<const SetMember> members) {
    return initial(summary_of(members));
}

std::vector<isobar_set_element> make_set(model::Scheduler scheduler, model::SchedulerFlags flags,
                                         std::span<const SetMember> members, const Cursor& cursor) {
    const auto number = static_cast<std::uint32_t>(scheduler);
    const auto count = static_cast<std::uint32_t>(members.size());
    const LookupTable table = table_of(number, members);
    const auto slots = static_cast<std::uint32_t>(table.size());
    const WeightSummary summary = summary_of(members);
    std::vector<isobar_set_element> set(1 + members.size() + lookup_elements(slots));
    isobar_set_head& head = set[0].head;
    head = {};
    head.count = count;
    head.scheduler = number;
    head.gcd = summary.gcd;
    head.max_weight = summary.max;
    head.state = cursor.pack();
    head.flags = flags.bits;
    head.slots = slots;
    for (std::uint32_t i = 0; i < count; ++i) {
        isobar_member& member = set[1 + i].member;
        member = {};
        member.server = members[i].server;
        member.weight = members[i].weight;
        member.last_weight = members[i].last_weight;
        member.limited = members[i].limited;
    }
    for (std::size_t slot = 0; slot < table.size(); ++slot)
        set[1 + count + slot / ISOBAR_SLOTS].slots.member[slot % ISOBAR_SLOTS] = table[slot];
    return set;
}

}  // namespace isobar::scheduling
