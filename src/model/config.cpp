// SPDX-License-Identifier: Apache-2.0
#include "model/config.h"

namespace isobar::model {
namespace {

// FNV-1a, 32 bits (RFC 9923).
std::uint32_t hash_of(std::string_view text) {
    std::uint32_t hash = 0x811c9dc5;
    for (const unsigned char byte : text) hash = (hash ^ byte) * 0x01000193;
    return hash;
}

}  // namespace

ServiceKey ServiceConfig::key() const {
    if (is_group()) return ServiceKey::by_mark(hash_of(name) | kFirstGroupMark);
    if (mark != 0) return ServiceKey::by_mark(mark);
    return listen.empty() ? ServiceKey{} : listen.front();
}

}  // namespace isobar::model
