// SPDX-License-Identifier: Apache-2.0
// The connections of the table one after the other, in as many steps as the caller likes: a million
// at once would keep it for half a second. What begins meanwhile may be met or not; what is there
// all the time is met once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "model/service.h"

namespace isobar::dataplane {

class Maps;

class ConnectionWalk {
public:
    using Visit = std::function<void(model::ConnectionStatus)>;

    // `now` in jiffies: connections whose time is over then are none. `maps` outlives it.
    ConnectionWalk(const Maps& maps, std::uint32_t now);
    ConnectionWalk(ConnectionWalk&&) noexcept;
    ConnectionWalk& operator=(ConnectionWalk&&) noexcept;
    ConnectionWalk(const ConnectionWalk&) = delete;
    ConnectionWalk& operator=(const ConnectionWalk&) = delete;
    ~ConnectionWalk();

    // Looks at so many records, free ones too. False: that was the last of them.
    bool step(std::size_t records, const Visit& visit);

private:
    struct Place;
    std::unique_ptr<Place> place_;
};

}  // namespace isobar::dataplane
