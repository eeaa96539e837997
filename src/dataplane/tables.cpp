// SPDX-License-Identifier: Apache-2.0
#include "dataplane/tables.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "dataplane/address_filter.h"
#include "dataplane/convert.h"
#include "dataplane/destinations.h"
#include "dataplane/local_pool.h"
#include "dataplane/rank_layout.h"
#include "dataplane/server_record.h"

namespace isobar::dataplane {

using scheduling::lookup_elements;
using scheduling::LookupServer;
using scheduling::summarise;
using scheduling::WeightSummary;

namespace {

// How long a removed server without connections keeps its counters (IP_VS_DEST_TRASH_PERIOD).
constexpr std::uint32_t kRemovedSeconds = 120;

void store(std::uint32_t& word, std::uint32_t value) {
    std::atomic_ref(word).store(value, std::memory_order_release);
}

// Elements of a set: head, members, lookup table, local addresses.
constexpr std::uint32_t set_length(std::uint32_t members, std::uint32_t slots, std::size_t locals) {
    return 1 + members + lookup_elements(slots) + static_cast<std::uint32_t>(locals);
}

// Members of a set, or entries of a draft, as lookup tables are made of them.
template <typename Servers>
std::vector<LookupServer> lookup_servers(const Servers& servers) {
    std::vector<LookupServer> result;
    result.reserve(servers.size());
    for (const auto& each : servers)
        result.push_back({each.server.address, each.server.weight, each.last_weight});
    return result;
}

std::vector<scheduling::SetMember> set_members(const std::vector<Tables::Member>& members) {
    std::vector<scheduling::SetMember> result;
    result.reserve(members.size());
    for (const auto& member : members)
        result.push_back({member.slot, member.server.address, member.server.weight,
                          member.last_weight, member.server.upper_threshold != 0});
    return result;
}

}  // namespace

// What a service becomes, worked out before anything is changed.
struct Tables::Draft {
    bool existed = false;
    bool exists = false;
    bool recreated = false;  // removed and added again in one transaction
    model::Scheduler scheduler = model::Scheduler::Wlc;
    model::SchedulerFlags scheduler_flags;
    std::optional<model::Persistence> persistence;
    bool one_packet = false;
    model::PersistenceEngine engine = model::PersistenceEngine::None;
    model::LocalPool local;
    struct Entry {
        model::RealServer server;
        std::optional<std::uint32_t> slot;  // of a server that is there already
        model::Weight last_weight = 0;
        bool edited = false;
    };
    std::vector<Entry> entries;  // newest first
    std::vector<Member> removed;
    Cursor cursor;
    bool starts = false;  // its scheduler begins anew

    [[nodiscard]] WeightSummary weights() const {
        std::vector<std::uint32_t> all;
        all.reserve(entries.size());
        for (const auto& entry : entries) all.push_back(entry.server.weight);
        return summarise(all);
    }
    [[nodiscard]] std::vector<Entry>::iterator find(const model::Endpoint& address) {
        return std::find_if(entries.begin(), entries.end(),
                            [&](const Entry& e) { return e.server.address == address; });
    }
    void drop_all() {
        for (const auto& entry : entries)
            if (entry.slot) removed.push_back({*entry.slot, entry.server, entry.last_weight});
        entries.clear();
        exists = false;
    }
};

Tables::Tables(const Maps& maps)
    : maps_(maps), pool_(static_cast<std::uint32_t>(maps.sets().size())) {}

// ---- the picture ------------------------------------------------------------

const Tables::Services& Tables::services() {
    refresh();
    return services_;
}

void Tables::refresh() {
    const auto generation =
        std::atomic_ref(maps_.settings().generation).load(std::memory_order_acquire);
    const bool whole = generation % 2 == 0;
    if (known_ && whole && generation == generation_) return;
    read_all();
    if (!whole) repair();
    generation_ = maps_.settings().generation;
    known_ = true;
}

std::optional<std::uint32_t> Tables::removed_slot(const model::ServiceKey& key,
                                                  const model::Endpoint& server) {
    refresh();
    const auto found = removed_.find({key, server});
    if (found == removed_.end()) return std::nullopt;
    return found->second;
}

void Tables::begin_change() {
    auto& generation = maps_.settings().generation;
    store(generation, generation | 1);
}

void Tables::end_change() {
    auto& generation = maps_.settings().generation;
    store(generation, (generation | 1) + 1);
    generation_ = generation;
}

void Tables::read_all() {
    services_.clear();
    removed_.clear();
    free_servers_.clear();
    free_services_.clear();
    reals_.forget();
    pool_ = SetPool(static_cast<std::uint32_t>(maps_.sets().size()));
    const auto sets = maps_.sets();
    const auto servers = maps_.servers();

    const auto records = maps_.services();
    for (std::uint32_t index = 0; index < records.size(); ++index) {
        const auto& record = records[index];
        if (!record.in_use) {
            free_services_.insert(index);
            continue;
        }
        Service service;
        service.index = index;
        service.set = record.set;
        service.persistence = persistence_of(record);
        service.one_packet = record.one_packet != 0;
        service.engine = engine_of(record.engine);
        if (record.set != 0) {
            const auto& head = sets[record.set].head;
            service.set_length = set_length(head.count, head.slots, head.locals);
            service.local = read_local_pool(record, sets.subspan(record.set));
            service.scheduler = static_cast<model::Scheduler>(head.scheduler);
            service.scheduler_flags.bits = static_cast<std::uint8_t>(head.flags);
            pool_.take(record.set, service.set_length);
            for (std::uint32_t i = 1; i <= head.count; ++i) {
                const auto& member = sets[record.set + i].member;
                const auto& server = servers[member.server];
                service.members.push_back(
                    {member.server, to_model(server, member.weight), member.last_weight});
            }
        }
        services_.emplace(from_abi(record.key), std::move(service));
    }
    for (std::uint32_t slot = 0; slot < servers.size(); ++slot) {
        const auto& server = servers[slot];
        if (!(server.flags & ISOBAR_SERVER_USED)) {
            free_servers_.insert(slot);
        } else if (!(server.flags & ISOBAR_SERVER_AVAILABLE)) {
            removed_.emplace(std::pair{service_of(server), to_model(server, 0).address}, slot);
        } else {
            reals_.note(slot);
        }
    }
}

// ---- working out ------------------------------------------------------------

Tables::Draft& Tables::draft_of(Drafts& drafts, const model::ServiceKey& key) const {
    const auto [found, is_new] = drafts.try_emplace(key);
    Draft& draft = found->second;
    const auto service = services_.find(key);
    if (!is_new || service == services_.end()) return draft;
    draft.existed = draft.exists = true;
    draft.scheduler = service->second.scheduler;
    draft.scheduler_flags = service->second.scheduler_flags;
    draft.persistence = service->second.persistence;
    draft.one_packet = service->second.one_packet;
    draft.engine = service->second.engine;
    draft.local = service->second.local;
    for (const auto& member : service->second.members)
        draft.entries.push_back({member.server, member.slot, member.last_weight});
    if (service->second.set != 0)
        draft.cursor = Cursor::unpack(maps_.sets()[service->second.set].head.state);
    return draft;
}

// What one change does to the drafts.
struct Tables::Step {
    const Tables& tables;
    Drafts& drafts;

    static Error no_service(const model::ServiceKey& key) {
        return {Fault::NotFound, fmt::format("no such service: {}", key.text())};
    }
    Result<void> operator()(const model::AddService& change) const {
        if (change.key.mark == 0 && !model::is_unicast(change.key.address.address))
            return failure(Fault::Invalid,
                           fmt::format("{} is not a unicast address", change.key.text()));
        auto& draft = tables.draft_of(drafts, change.key);
        if (draft.exists)
            return failure(Fault::Exists,
                           fmt::format("service already exists: {}", change.key.text()));
        if (auto fine = check(change); !fine) return fine;
        draft.recreated = draft.existed;
        draft.exists = true;
        draft.scheduler = change.scheduler;
        draft.scheduler_flags = change.scheduler_flags;
        draft.persistence = change.persistence;
        draft.one_packet = change.one_packet;
        draft.engine = change.engine;
        draft.local = change.local;
        draft.cursor = initial(draft.weights());
        draft.starts = true;
        return {};
    }
    Result<void> operator()(const model::EditService& change) const {
        auto& draft = tables.draft_of(drafts, change.key);
        if (!draft.exists) return tl::unexpected(no_service(change.key));
        if (auto fine = check(change); !fine) return fine;
        draft.persistence = change.persistence;
        draft.one_packet = change.one_packet;
        draft.engine = change.engine;
        draft.local = change.local;
        if (draft.scheduler != change.scheduler) {
            draft.cursor = initial(draft.weights());
            draft.starts = true;
        }
        draft.scheduler = change.scheduler;
        draft.scheduler_flags = change.scheduler_flags;
        return {};
    }
    Result<void> operator()(const model::RemoveService& change) const {
        auto& draft = tables.draft_of(drafts, change.key);
        if (!draft.exists) return tl::unexpected(no_service(change.key));
        draft.drop_all();
        return {};
    }
    Result<void> operator()(const model::AddServer& change) const {
        auto& draft = tables.draft_of(drafts, change.service);
        if (!draft.exists) return tl::unexpected(no_service(change.service));
        const auto& address = change.server.address;
        if (draft.find(address) != draft.entries.end())
            return failure(Fault::Exists, fmt::format("{} has the server {} already",
                                                      change.service.text(), address.text()));
        if (auto fine = check(change.service, change.server); !fine) return fine;
        const auto removed =
            std::find_if(draft.removed.begin(), draft.removed.end(),
                         [&](const Member& member) { return member.server.address == address; });
        Draft::Entry entry{change.server, std::nullopt, change.server.weight};
        if (removed != draft.removed.end()) {  // removed and added in one transaction
            entry.slot = removed->slot;
            entry.edited = true;
            draft.removed.erase(removed);
        }
        draft.entries.insert(draft.entries.begin(), entry);
        draft.cursor = after_insert(draft.cursor, static_cast<std::uint32_t>(draft.scheduler),
                                    draft.weights());
        return {};
    }
    Result<void> operator()(const model::EditServer& change) const {
        auto& draft = tables.draft_of(drafts, change.service);
        if (!draft.exists) return tl::unexpected(no_service(change.service));
        const auto entry = draft.find(change.server.address);
        if (entry == draft.entries.end())
            return failure(Fault::NotFound,
                           fmt::format("{} has no server {}", change.service.text(),
                                       change.server.address.text()));
        if (auto fine = check(change.service, change.server); !fine) return fine;
        entry->server = change.server;
        entry->edited = true;
        if (change.server.weight != 0) entry->last_weight = change.server.weight;
        draft.cursor =
            after_edit(draft.cursor, static_cast<std::uint32_t>(draft.scheduler), draft.weights());
        return {};
    }
    Result<void> operator()(const model::RemoveServer& change) const {
        auto& draft = tables.draft_of(drafts, change.service);
        if (!draft.exists) return tl::unexpected(no_service(change.service));
        const auto entry = draft.find(change.server);
        if (entry == draft.entries.end())
            return failure(
                Fault::NotFound,
                fmt::format("{} has no server {}", change.service.text(), change.server.text()));
        const auto position = static_cast<std::uint32_t>(entry - draft.entries.begin());
        if (const auto slot = entry->slot)
            draft.removed.push_back({*slot, entry->server, entry->last_weight});
        draft.entries.erase(entry);
        draft.cursor = after_remove(draft.cursor, static_cast<std::uint32_t>(draft.scheduler),
                                    position, draft.weights());
        return {};
    }

    template <typename Change>
    static Result<void> check(const Change& change) {
        const auto& [key, persistence] = std::tie(change.key, change.persistence);
        if (change.one_packet && key.mark == 0 && key.protocol != model::Protocol::Udp)
            return failure(Fault::Invalid,
                           fmt::format("{}: one-packet scheduling is for UDP", key.text()));
        if (!persistence && key.mark == 0 && key.address.port == 0)
            return failure(Fault::Invalid,
                           fmt::format("{}: port 0, all ports, needs persistence", key.text()));
        if (!persistence) return {};
        const int most = key.address.address.family == model::Family::V4 ? 32 : 128;
        if (persistence->prefix > most)
            return failure(
                Fault::OutOfRange,
                fmt::format("a client's prefix of {} bits is above {}", persistence->prefix, most));
        if (persistence->timeout < std::chrono::seconds(1) ||
            persistence->timeout > model::kMaxPersistence)
            return failure(Fault::OutOfRange, "persistence must be between 1 second and 31 days");
        return {};
    }
    static Result<void> check(const model::ServiceKey& service, const model::RealServer& server) {
        if (server.lower_threshold > server.upper_threshold)
            return failure(Fault::OutOfRange,
                           fmt::format("lower threshold {} is above the upper one, {}",
                                       server.lower_threshold, server.upper_threshold));
        if (server.weight > model::kMaxWeight)
            return failure(Fault::OutOfRange,
                           fmt::format("weight {} is above {}", server.weight, model::kMaxWeight));
        if (server.method != model::ForwardingMethod::Tun &&
            server.address.address.family != service.address.address.family)
            return failure(Fault::Invalid, fmt::format("{} is of another address family than {}",
                                                       server.address.text(), service.text()));
        // of IPVS's real servers none is link-local either
        if (!model::is_unicast(server.address.address) ||
            model::is_link_local(server.address.address))
            return failure(Fault::Invalid, fmt::format("{} is not a unicast address",
                                                       server.address.address.text()));
        if (!model::rewrites(server.method) && service.mark == 0 &&
            server.address.port != service.address.port)
            return failure(
                Fault::Invalid,
                fmt::format("{}: by {} the packet keeps its port {}", server.address.text(),
                            model::name(server.method), service.address.port));
        if (server.tunnel.type == model::Encapsulation::Gue && server.tunnel.port == 0)
            return failure(Fault::Invalid, fmt::format("{}: a GUE tunnel needs its UDP port",
                                                       server.address.text()));
        if (!model::can_have(server.tunnel.type, server.tunnel.checksum))
            return failure(Fault::Invalid,
                           fmt::format("{}: a tunnel of kind {} has no such checksum",
                                       server.address.text(), model::name(server.tunnel.type)));
        return {};
    }
};

Result<Tables::Drafts> Tables::draft(std::span<const model::Change> changes) const {
    Drafts drafts;
    for (const auto& change : changes)
        if (auto done = std::visit(Step{*this, drafts}, change); !done)
            return tl::unexpected(std::move(done.error()));
    for (const auto& [key, draft] : drafts)
        if (auto fine = check_fullnat(key, draft); !fine)
            return tl::unexpected(std::move(fine.error()));
    return drafts;
}

// Of what the service becomes: its options and its servers may change in one transaction.
Result<void> Tables::check_fullnat(const model::ServiceKey& key, const Draft& draft) {
    if (auto fine = check_local_pool(key, draft.local); !fine) return fine;
    const bool fullnat =
        std::any_of(draft.entries.begin(), draft.entries.end(), [](const Draft::Entry& entry) {
            return entry.server.method == model::ForwardingMethod::FullNat;
        });
    if (!fullnat) return {};
    const auto refuse = [&](const char* why) {
        return failure(Fault::Unsupported, fmt::format("{}: fullnat {}", key.text(), why));
    };
    if (draft.local.addresses.empty()) return refuse("needs local addresses");
    if (draft.one_packet) return refuse("keeps connections, one-packet scheduling does not");
    if (key.protocol == model::Protocol::Sctp) return refuse("is for TCP and UDP, not for SCTP");
    return {};
}

Result<void> Tables::check_room(const Drafts& drafts) {
    std::size_t services = 0;
    std::size_t servers = 0;
    for (const auto& [key, draft] : drafts) {
        if (draft.exists && !draft.existed) ++services;
        for (const auto& entry : draft.entries)
            if (!entry.slot && !removed_.contains({key, entry.server.address})) ++servers;
    }
    if (services > free_services_.size())
        return failure(Fault::Full, fmt::format("there is room for {} services, not more",
                                                maps_.services().size()));
    if (servers > free_servers_.size())
        return failure(Fault::Full, fmt::format("there is room for {} real servers, not more",
                                                maps_.servers().size()));
    return {};
}

// The allocations of commit() and remove(), tried out: they may fail for want of a block that is
// long enough.
Result<void> Tables::check_set_room(const Drafts& drafts) const {
    const auto length_of = [](const Draft& draft) {
        const auto slots = lookup_slots(static_cast<std::uint32_t>(draft.scheduler),
                                        lookup_servers(draft.entries));
        return set_length(static_cast<std::uint32_t>(draft.entries.size()), slots,
                          draft.local.addresses.size());
    };
    const auto full = [](const model::ServiceKey& key, const Draft& draft) {
        return failure(Fault::Full,
                       fmt::format("no room for the {} servers of {} with scheduler {}",
                                   draft.entries.size(), key.text(), name(draft.scheduler)));
    };
    if (drafts.size() == 1) {  // copying the pool for each line of ipvsadm -R would take seconds
        const auto& [key, draft] = *drafts.begin();
        if (draft.exists && !pool_.has_room(length_of(draft))) return full(key, draft);
        return {};
    }
    SetPool pool = pool_;
    auto hand = maps_.settings().set_hand;
    for (const auto& [key, draft] : drafts) {
        const auto service = services_.find(key);
        const auto release = [&] {
            if (draft.existed && service->second.set != 0)
                pool.release(service->second.set, service->second.set_length);
        };
        if (draft.recreated || !draft.exists) release();
        if (!draft.exists) continue;
        if (!pool.allocate(length_of(draft), hand)) return full(key, draft);
        if (!draft.recreated) release();
    }
    return {};
}

// ---- making it so -----------------------------------------------------------

Result<void> Tables::apply(std::span<const model::Change> changes) {
    refresh();
    const auto now = jiffies_now(maps_.settings());
    auto drafts = draft(changes);
    if (!drafts) return tl::unexpected(std::move(drafts.error()));
    reclaim_servers(now, false);
    if (!check_room(*drafts)) reclaim_servers(now, true);
    if (auto room = check_room(*drafts); !room) return room;
    if (auto room = check_set_room(*drafts); !room) return room;

    begin_change();
    bool removed = false;
    for (auto& [key, draft] : *drafts) {
        removed = removed || !draft.removed.empty() || (draft.existed && !draft.exists);
        auto done = draft.exists ? commit(key, draft, now) : Result<void>{};
        if (done && !draft.exists && draft.existed) {
            for (const auto& member : draft.removed)
                retire_server(member, services_.at(key).index, now);
            done = remove(key);
        }
        if (!done) return done;  // the next look repairs it
    }
    if (removed) rebuild_filter();
    count_keys();
    end_change();
    return {};
}

static_assert(model::kFirstProbeMark == ISOBAR_FIRST_PROBE_MARK);

// How many there are of the kinds that packets look for only then.
void Tables::count_keys() {
    std::uint32_t all_ports = 0;
    std::uint32_t ftp = 0;
    std::uint16_t marks = 0;
    std::uint16_t host_marks = 0;
    std::uint32_t probes = 0;
    for (const auto& [key, service] : services_) {
        if (model::is_probe(key)) {
            ++probes;
        } else if (key.mark != 0) {
            ++marks;
            if (key.mark < model::kFirstGroupMark) ++host_marks;
        } else if (key.address.port == 0) {
            ++all_ports;
        } else if (key.address.port == model::kFtpPort) {
            ++ftp;
        }
    }
    auto& settings = maps_.settings();
    store(settings.all_ports, all_ports);
    store(settings.ftp_services, ftp);
    store(settings.probes, probes);
    std::atomic_ref(settings.host_marks).store(host_marks, std::memory_order_release);
    std::atomic_ref(settings.marks).store(marks, std::memory_order_release);
}

Result<void> Tables::commit(const model::ServiceKey& key, Draft& draft, std::uint32_t now) {
    if (draft.recreated) {
        for (const auto& member : draft.removed)
            retire_server(member, services_.at(key).index, now);
        draft.removed.clear();
        if (auto done = remove(key); !done) return done;
    }
    const bool is_new = !draft.existed || draft.recreated;
    if (is_new) {
        Service service;
        service.index = *free_services_.begin();
        services_[key] = service;
        free_services_.erase(service.index);
    }
    Service& service = services_.at(key);
    if (draft.starts && has_destinations(draft.scheduler))
        draft.cursor.credit = ++maps_.settings().service_count;  // a cache of its own, empty
    service.scheduler = draft.scheduler;
    service.scheduler_flags = draft.scheduler_flags;
    service.persistence = draft.persistence;
    service.one_packet = draft.one_packet;
    service.engine = draft.engine;
    service.local = draft.local;
    if (key.mark == 0) add_to_filter(maps_.filter(), key.address.address, ISOBAR_FILTER_VIRTUAL);

    std::vector<Member> members;
    members.reserve(draft.entries.size());
    for (const auto& entry : draft.entries) {
        if (entry.slot) {
            if (entry.edited) {
                if (auto done = describe(*entry.slot, entry.server); !done) return done;
            }
            members.push_back({*entry.slot, entry.server, entry.last_weight});
            continue;
        }
        auto slot = place_server(key, service.index, entry.server, now);
        if (!slot) return tl::unexpected(std::move(slot.error()));
        members.push_back({*slot, entry.server, entry.last_weight});
    }
    service.members = std::move(members);
    if (is_new) {
        auto& record = maps_.services()[service.index];
        record = {};
        record.key = to_abi(key);
        record.created = ++maps_.settings().service_count;
        record.in_use = 1;
    }
    set_persistence(maps_.services()[service.index], service.persistence, maps_.settings().hz);
    maps_.services()[service.index].one_packet = service.one_packet ? 1 : 0;
    maps_.services()[service.index].engine = to_abi(service.engine);
    maps_.services()[service.index].tells_client = to_abi(service.local.client_address);
    if (auto done = publish(service, draft.cursor); !done) return done;
    for (const auto& member : draft.removed) retire_server(member, service.index, now);
    return is_new ? create(key, service) : Result<void>{};
}

// Packets find the service from here on.
Result<void> Tables::create(const model::ServiceKey& key, Service& service) {
    const auto abi_key = to_abi(key);
    if (bpf_map_update_elem(maps_.fd("isobar_keys"), &abi_key, &service.index, BPF_NOEXIST) != 0)
        return system_failure(fmt::format("add {}", key.text()), errno);
    return {};
}

Result<void> Tables::remove(const model::ServiceKey& key) {
    const auto found = services_.find(key);
    const auto abi_key = to_abi(key);
    if (bpf_map_delete_elem(maps_.fd("isobar_keys"), &abi_key) != 0 && errno != ENOENT)
        return system_failure(fmt::format("remove {}", key.text()), errno);
    auto& service = found->second;
    auto& record = maps_.services()[service.index];
    store(record.set, 0);
    store(record.in_use, 0);
    if (service.set != 0) pool_.release(service.set, service.set_length);
    free_services_.insert(service.index);
    services_.erase(found);
    return {};
}

// The ranks of a set that is about to be published: all of it is dirty, so that the first packet
// that chooses looks at all of it. What changes from now on is marked in them.
void Tables::rank(const Service& service, std::uint32_t block) {
    const auto count = static_cast<std::uint32_t>(service.members.size());
    const bool ranked = has_ranks(static_cast<std::uint32_t>(service.scheduler), count);
    const auto top = isobar_rank_top(block);
    RankLayout layout;
    if (ranked) layout = make_ranks(top, count);
    std::copy(layout.nodes.begin(), layout.nodes.end(), maps_.ranks().begin() + top);
    for (std::uint32_t position = 0; position < count; ++position)
        std::atomic_ref(maps_.places()[service.members[position].slot])
            .store(ranked ? layout.place(position) : 0);
}

// A new set beside the old one, then one store.
Result<void> Tables::publish(Service& service, const Cursor& cursor) {
    const auto count = static_cast<std::uint32_t>(service.members.size());
    auto start = cursor;
    if (has_ranks(static_cast<std::uint32_t>(service.scheduler), count))
        start.position = ISOBAR_SET_START;  // what they know is old
    const auto locals = service.local.addresses.size();
    auto set = scheduling::make_set(service.scheduler, service.scheduler_flags,
                                    set_members(service.members), start);
    const auto length = static_cast<std::uint32_t>(set.size() + locals);
    const auto block = pool_.allocate(length, maps_.settings().set_hand);
    if (!block) return failure(Fault::Full, fmt::format("no room for a set of {} servers", count));

    set[0].head.locals = static_cast<std::uint16_t>(locals);
    const auto sets = maps_.sets();
    std::ranges::copy(set, sets.begin() + *block);
    write_local_pool(service.local, sets.subspan(*block + length - locals, locals));
    rank(service, *block);
    store(maps_.services()[service.index].set, *block);
    if (service.set != 0) pool_.release(service.set, service.set_length);
    service.set = *block;
    service.set_length = length;
    return {};
}

Result<void> Tables::zero(const std::optional<model::ServiceKey>& key) {
    refresh();
    if (key && !services_.contains(*key))
        return failure(Fault::NotFound, fmt::format("no such service: {}", key->text()));
    for (const auto& [service_key, service] : services_) {
        if (key && service_key != *key) continue;
        auto& record = maps_.services()[service.index];
        isobar_traffic total{};
        for (int i = 0; i < ISOBAR_TRAFFIC_ITEMS; ++i) total.item[i] = record.gone[i];
        for (const auto& member : service.members) {
            const auto traffic = maps_.traffic(member.slot);
            if (!traffic) return tl::unexpected(traffic.error());
            auto& estimate = maps_.rates()[member.slot];
            for (int i = 0; i < ISOBAR_TRAFFIC_ITEMS; ++i) {
                total.item[i] += traffic->item[i];
                maps_.servers()[member.slot].zero[i] = traffic->item[i];
                estimate.rate[i] = 0;
                estimate.last[i] = traffic->item[i];
            }
        }
        std::copy_n(total.item, ISOBAR_TRAFFIC_ITEMS, record.zero);
    }
    return {};
}

// ---- server slots -----------------------------------------------------------

Result<void> Tables::describe(std::uint32_t slot, const model::RealServer& server) {
    if (auto done = describe_server(maps_.servers()[slot], server); !done) return done;
    return reals_.put(slot);
}

Result<std::uint32_t> Tables::place_server(const model::ServiceKey& key, std::uint32_t service,
                                           const model::RealServer& server, std::uint32_t now) {
    auto& settings = maps_.settings();
    add_to_filter(maps_.filter(), server.address.address, ISOBAR_FILTER_REAL);
    if (const auto back = removed_.find({key, server.address}); back != removed_.end()) {
        const auto slot = back->second;
        removed_.erase(back);
        auto& record = maps_.servers()[slot];
        if (record.service == service) take_back_traffic(slot);
        record.service = service;
        record.response = {};
        if (auto done = describe(slot, server); !done)
            return tl::unexpected(std::move(done.error()));
        return slot;
    }
    auto free = free_servers_.lower_bound(settings.server_hand);
    if (free == free_servers_.end()) free = free_servers_.begin();
    if (free == free_servers_.end()) return failure(Fault::Full, "no room for the real server");
    const auto slot = *free;
    free_servers_.erase(free);
    settings.server_hand = slot + 1;

    if (auto done = maps_.clear_traffic(slot); !done) return tl::unexpected(done.error());
    auto& estimate = maps_.rates()[slot];
    estimate = {};
    estimate.due = now + ISOBAR_ESTIMATE_PERIOD * settings.hz;
    auto& record = maps_.servers()[slot];
    begin_record(record, server.address, key, service);
    if (auto done = describe(slot, server); !done) return tl::unexpected(std::move(done.error()));
    return slot;
}

Result<void> Tables::find_ways() {
    refresh();
    for (const auto& [key, service] : services_)
        for (const auto& member : service.members)
            if (auto done = find_way(maps_.servers()[member.slot]); !done) return done;
    return {};
}

// What retire_server() has given to the service.
void Tables::take_back_traffic(std::uint32_t slot) {
    const auto traffic = maps_.traffic(slot);
    if (!traffic) return;
    auto& gone = maps_.services()[maps_.servers()[slot].service].gone;
    for (int i = 0; i < ISOBAR_TRAFFIC_ITEMS; ++i) gone[i] -= traffic->item[i];
}

// The server leaves its service; the connections that it has remember it.
void Tables::retire_server(const Member& member, std::uint32_t service, std::uint32_t now) {
    auto& record = maps_.servers()[member.slot];
    if (const auto traffic = maps_.traffic(member.slot))
        for (int i = 0; i < ISOBAR_TRAFFIC_ITEMS; ++i)
            maps_.services()[service].gone[i] += traffic->item[i];
    record.removed_at = now;
    std::atomic_ref(maps_.places()[member.slot]).store(0);
    std::atomic_ref(record.flags).store(ISOBAR_SERVER_USED);
    reals_.take(member.slot);
    removed_[{service_of(record), member.server.address}] = member.slot;
}

// Servers that destinations of living services are with, be they forgotten by time: a longer
// expiration would bring them back.
std::set<std::uint32_t> Tables::servers_of_destinations() const {
    std::set<std::uint32_t> caches;
    for (const auto& [key, service] : services_)
        if (has_destinations(service.scheduler) && service.set != 0)
            caches.insert(Cursor::unpack(maps_.sets()[service.set].head.state).credit);
    return known_servers(maps_.caches(), caches);
}

// Frees the slots of removed servers that no connection remembers, and no destination: those are
// made to forget them if there is no other way.
void Tables::reclaim_servers(std::uint32_t now, bool all_idle) {
    const auto hz = maps_.settings().hz;
    std::optional<std::set<std::uint32_t>> known;
    std::set<std::uint32_t> forgotten;
    for (auto removed = removed_.begin(); removed != removed_.end();) {
        auto& record = maps_.servers()[removed->second];
        const bool idle = record.active == 0 && record.inactive == 0 && record.persistent == 0;
        const bool old = now - record.removed_at > kRemovedSeconds * hz;
        // one second at least: a packet may just be making a connection to it
        if (!idle || !(old || (all_idle && now - record.removed_at > hz))) {
            ++removed;
            continue;
        }
        if (!known) known = servers_of_destinations();
        if (known->contains(removed->second)) {
            if (!all_idle) {
                ++removed;
                continue;
            }
            forgotten.insert(removed->second);
        }
        std::atomic_ref(record.flags).store(std::uint16_t{0});
        free_servers_.insert(removed->second);
        removed = removed_.erase(removed);
    }
    if (!forgotten.empty()) forget_servers(maps_.caches(), forgotten);
}

// ---- the filter -------------------------------------------------------------

Result<void> Tables::set_rules(isobar_rule_origin origin, std::span<const model::MarkRule> rules) {
    refresh();
    begin_change();
    auto done = rules_.set(origin, rules);
    if (done) rebuild_filter();
    end_change();
    return done;
}

// Clears the bits of addresses that are gone.
void Tables::rebuild_filter() {
    AddressFilter wanted;
    const auto add_service = [&](const model::ServiceKey& key) {
        if (key.mark == 0) wanted.add(key.address.address, ISOBAR_FILTER_VIRTUAL);
    };
    for (const auto& rule : rules_.in_use()) {
        const auto destinations = destinations_of(rule);
        if (destinations.empty()) wanted.add_all_as_virtual();
        for (const auto& address : destinations) wanted.add(address, ISOBAR_FILTER_VIRTUAL);
    }
    if (maps_.settings().marks != 0) {  // connections that a rule, or tc, once led here
        const auto segments = maps_.segments();
        for (const auto& conn : segments.conns())
            if (conn.life & ISOBAR_LIFE_LIVE)
                wanted.add(from_abi(conn.virtual_address), ISOBAR_FILTER_VIRTUAL);
    }
    for (const auto& [key, service] : services_) {
        add_service(key);
        for (const auto& member : service.members)
            wanted.add(member.server.address.address, ISOBAR_FILTER_REAL);
    }
    for (const auto& [key, slot] : removed_) {
        add_service(key.first);
        wanted.add(key.second.address, ISOBAR_FILTER_REAL);
    }
    wanted.put_into(maps_.filter());
}

}  // namespace isobar::dataplane
