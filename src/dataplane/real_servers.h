// SPDX-License-Identifier: Apache-2.0
// isobar_reals: the real servers of VS/NAT by their own address and port, for packets that come
// from them and belong to no connection. A picture of it in our memory says who else is there: a
// server may be one of several services.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <tuple>

#include "base/result.h"
#include "dataplane/maps.h"
#include "model/address.h"

namespace isobar::dataplane {

class RealServers {
public:
    explicit RealServers(const Maps& maps) : maps_(maps) {}

    // An empty picture, to be filled with the servers that there are: note().
    void forget();
    void note(std::uint32_t slot);

    // The server's record says where it is now, and how it is reached.
    Result<void> put(std::uint32_t slot);
    // It is no server any more.
    void take(std::uint32_t slot);
    // Makes the map what the picture is.
    Result<void> restore();

private:
    using Key = std::tuple<model::Address, __be16, std::uint8_t>;

    [[nodiscard]] Key key_of(std::uint32_t slot) const;
    [[nodiscard]] bool belongs(std::uint32_t slot) const;
    [[nodiscard]] Result<void> write(const Key& key, std::uint32_t slot) const;

    const Maps& maps_;
    std::map<Key, std::set<std::uint32_t>> slots_;
};

}  // namespace isobar::dataplane
