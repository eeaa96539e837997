// SPDX-License-Identifier: Apache-2.0
// Services and real servers in the shared maps: a picture of them in our memory, and the
// transactions that change them. Every service's change becomes visible to packets in one
// store. The caller holds the namespace's lock while it changes something, or looks.
//
// While something is being changed settings.generation is odd: who finds it so knows that its
// predecessor was killed in the middle, and repairs what that one left (repair.cpp).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/result.h"
#include "dataplane/maps.h"
#include "dataplane/mark_rules.h"
#include "dataplane/real_servers.h"
#include "dataplane/set_pool.h"
#include "model/change.h"
#include "scheduling/cursor.h"
#include "scheduling/lookup_table.h"
#include "scheduling/set.h"

namespace isobar::dataplane {

using scheduling::Cursor;

class Tables {
public:
    struct Member {
        std::uint32_t slot = 0;  // in isobar_servers
        model::RealServer server;
        model::Weight last_weight = 0;  // the latest other than 0
    };
    struct Service {
        std::uint32_t index = 0;
        std::uint32_t set = 0;  // block in isobar_sets; 0: none
        std::uint32_t set_length = 0;
        model::Scheduler scheduler = model::Scheduler::Wlc;
        model::SchedulerFlags scheduler_flags;
        std::optional<model::Persistence> persistence;
        bool one_packet = false;
        model::PersistenceEngine engine = model::PersistenceEngine::None;
        model::LocalPool local;
        std::vector<Member> members;  // newest first
    };
    using Services = std::map<model::ServiceKey, Service>;

    explicit Tables(const Maps& maps);

    // All or none of the changes.
    Result<void> apply(std::span<const model::Change> changes);
    Result<void> zero(const std::optional<model::ServiceKey>& key);

    // The rules of firewall marks of this origin; the others stay.
    Result<void> set_rules(isobar_rule_origin origin, std::span<const model::MarkRule> rules);

    // As the maps have them now.
    const Services& services();

    // In isobar_servers, of a server that has left its service and is remembered by connections.
    std::optional<std::uint32_t> removed_slot(const model::ServiceKey& key,
                                              const model::Endpoint& server);

    // Looks up again what the servers' records say about this host's addresses and routes.
    Result<void> find_ways();

private:
    struct Draft;
    struct Step;
    using Drafts = std::map<model::ServiceKey, Draft>;

    void refresh();
    void read_all();
    void begin_change();
    void end_change();

    void repair();
    void drop_unfinished_services();
    void settle_servers();

    // The first half of apply(): checks, and works out what each touched service becomes.
    Result<Drafts> draft(std::span<const model::Change> changes) const;
    static Result<void> check_fullnat(const model::ServiceKey& key, const Draft& draft);
    Draft& draft_of(Drafts& drafts, const model::ServiceKey& key) const;
    Result<void> check_room(const Drafts& drafts);
    Result<void> check_set_room(const Drafts& drafts) const;
    // The second half: cannot fail for want of room.
    Result<void> commit(const model::ServiceKey& key, Draft& draft, std::uint32_t now);
    Result<void> create(const model::ServiceKey& key, Service& service);
    Result<void> remove(const model::ServiceKey& key);

    Result<void> describe(std::uint32_t slot, const model::RealServer& server);
    Result<std::uint32_t> place_server(const model::ServiceKey& key, std::uint32_t service,
                                       const model::RealServer& server, std::uint32_t now);
    void retire_server(const Member& member, std::uint32_t service, std::uint32_t now);
    void take_back_traffic(std::uint32_t slot);
    [[nodiscard]] std::set<std::uint32_t> servers_of_destinations() const;
    void reclaim_servers(std::uint32_t now, bool all_idle);
    void rank(const Service& service, std::uint32_t block);
    Result<void> publish(Service& service, const Cursor& cursor);
    void count_keys();
    void rebuild_filter();

    const Maps& maps_;
    MarkRules rules_{maps_};
    RealServers reals_{maps_};
    std::uint32_t generation_ = 0;
    bool known_ = false;
    Services services_;
    SetPool pool_;
    std::set<std::uint32_t> free_servers_;
    std::set<std::uint32_t> free_services_;
    // removed servers that may come back: (service, address) -> slot
    std::map<std::pair<model::ServiceKey, model::Endpoint>, std::uint32_t> removed_;
};

}  // namespace isobar::dataplane
