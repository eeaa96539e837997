// SPDX-License-Identifier: Apache-2.0
#include "dataplane/real_servers.h"

#include <bpf/bpf.h>

#include <cerrno>

#include "dataplane/convert.h"
#include "dataplane/service_keys.h"

namespace isobar::dataplane {
namespace {

isobar_service_key to_key(const auto& key) {
    const auto& [address, port, protocol] = key;
    return {to_abi(address), port, protocol, 0};
}

}  // namespace

RealServers::Key RealServers::key_of(std::uint32_t slot) const {
    const auto& record = maps_.servers()[slot];
    return {from_abi(record.address), record.port, record.protocol};
}

// Behind a service for all ports (0) a server has none of its own.
bool RealServers::belongs(std::uint32_t slot) const {
    const auto& record = maps_.servers()[slot];
    return record.method == ISOBAR_METHOD_NAT && record.port != 0;
}

Result<void> RealServers::write(const Key& key, std::uint32_t slot) const {
    const auto abi_key = to_key(key);
    if (bpf_map_update_elem(maps_.fd("isobar_reals"), &abi_key, &slot, BPF_ANY) != 0)
        return system_failure("list a real server", errno);
    return {};
}

void RealServers::forget() {
    slots_.clear();
}

void RealServers::note(std::uint32_t slot) {
    if (belongs(slot)) slots_[key_of(slot)].insert(slot);
}

Result<void> RealServers::put(std::uint32_t slot) {
    if (!belongs(slot)) {
        take(slot);
        return {};
    }
    const auto key = key_of(slot);
    slots_[key].insert(slot);
    return write(key, slot);
}

void RealServers::take(std::uint32_t slot) {
    const auto found = slots_.find(key_of(slot));
    if (found == slots_.end() || found->second.erase(slot) == 0) return;
    if (!found->second.empty()) {
        // if it fails, the entry still says that there is one, which is true
        (void)write(found->first, *found->second.begin());
        return;
    }
    const auto key = to_key(found->first);
    bpf_map_delete_elem(maps_.fd("isobar_reals"), &key);
    slots_.erase(found);
}

Result<void> RealServers::restore() {
    const int map = maps_.fd("isobar_reals");
    for (const auto& key : service_keys_in(map))
        if (!slots_.contains({from_abi(key.address), key.port, key.protocol}))
            bpf_map_delete_elem(map, &key);
    for (const auto& [wanted, slots] : slots_)
        if (auto done = write(wanted, *slots.begin()); !done) return done;
    return {};
}

}  // namespace isobar::dataplane
