// SPDX-License-Identifier: Apache-2.0
#include "model/config.h"

#include "base/text.h"

namespace isobar::model {

std::uint32_t group_mark(std::string_view name) {
    const std::uint32_t hash = fnv1a(name) | kFirstGroupMark;
    return hash < kFirstProbeMark ? hash : hash - kFirstGroupMark / 8;
}

bool Listen::overlaps(const Listen& other) const {
    if (protocol != other.protocol || address.address != other.address.address) return false;
    if (address.port == 0 || other.address.port == 0) return address.port == other.address.port;
    return address.port <= other.last() && other.address.port <= last();
}

ServiceKey ServiceConfig::key() const {
    if (is_group())
        return ServiceKey::by_mark(group_mark(name), listen.front().address.address.family);
    if (mark != 0) return ServiceKey::by_mark(mark);
    if (listen.empty()) return {};
    return listen.front();
}

Endpoint ServiceConfig::endpoint_of(const Endpoint& server) const {
    return {server.address, server.port != 0 ? server.port : key().address.port};
}

}  // namespace isobar::model
