// SPDX-License-Identifier: Apache-2.0
#include "model/config.h"

namespace isobar::model {

// By FNV-1a, 32 bits (RFC 9923).
std::uint32_t group_mark(std::string_view name) {
    std::uint32_t hash = 0x811c9dc5;
    for (const unsigned char byte : name) hash = (hash ^ byte) * 0x01000193;
    return hash | kFirstGroupMark;
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

}  // namespace isobar::model
