// SPDX-License-Identifier: Apache-2.0
// What a writer has left that was killed between its stores. Nothing of it is a danger to packets
// (they find a service with a whole set, or none), but some of it looks done and is not: a service
// that is listed and that no packet finds, a server that nobody would ever free.
#include <bpf/bpf.h>

#include <atomic>
#include <set>
#include <vector>

#include "dataplane/convert.h"
#include "dataplane/server_record.h"
#include "dataplane/service_keys.h"
#include "dataplane/tables.h"

namespace isobar::dataplane {

// After read_all().
void Tables::repair() {
    drop_unfinished_services();
    settle_servers();
    read_all();
    // Sets anew, and their ranks with them: those of a set that never came may be in use.
    for (auto& [key, service] : services_) {
        if (service.set == 0) continue;
        if (!publish(service, Cursor::unpack(maps_.sets()[service.set].head.state))) break;
    }
    // if it fails, some server is not told what it might be (nat_icmp_send)
    (void)reals_.restore();
    rebuild_filter();
    count_keys();
    end_change();
}

// A service is made when its key leads to it, which is its last store, and is removed when the key
// is gone, which is the first one.
void Tables::drop_unfinished_services() {
    const int map = maps_.fd("isobar_keys");
    std::set<model::ServiceKey> found;
    for (const auto& key : service_keys_in(map)) {
        std::uint32_t index = 0;
        const auto service = services_.find(from_abi(key));
        if (service != services_.end() && bpf_map_lookup_elem(map, &key, &index) == 0 &&
            index == service->second.index) {
            found.insert(service->first);
        } else {
            bpf_map_delete_elem(map, &key);
        }
    }
    std::erase_if(services_, [&](const auto& each) {
        const auto& [key, service] = each;
        if (found.contains(key)) return false;
        auto& record = maps_.services()[service.index];
        std::atomic_ref(record.set).store(0);
        std::atomic_ref(record.in_use).store(0);
        return true;
    });
}

// A server is available exactly if it is in its service's set.
void Tables::settle_servers() {
    std::set<std::uint32_t> members;
    for (const auto& [key, service] : services_)
        for (const auto& member : service.members) members.insert(member.slot);

    const auto now = jiffies_now(maps_.settings());
    const auto servers = maps_.servers();
    for (std::uint32_t slot = 0; slot < servers.size(); ++slot) {
        auto& record = servers[slot];
        const bool available = (record.flags & ISOBAR_SERVER_AVAILABLE) != 0;
        if (!(record.flags & ISOBAR_SERVER_USED) || available == members.contains(slot)) continue;
        if (available) {
            retire_server({slot, to_model(record, 0)}, record.service, now);
        } else if (find_way(record)) {
            take_back_traffic(slot);
        }
    }
}

}  // namespace isobar::dataplane
