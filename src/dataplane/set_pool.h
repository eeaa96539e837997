// SPDX-License-Identifier: Apache-2.0
// Where sets of servers lie in the isobar_sets map. Allocation goes round the pool (next
// fit), so that a set just given up is reused last: a packet may still be reading it.
// Pure: knows offsets and lengths only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace isobar::dataplane {

class SetPool {
public:
    // Element 0 is never given out: 0 means "no set".
    explicit SetPool(std::uint32_t elements);

    // Marks a block as used that was found in use.
    void take(std::uint32_t first, std::uint32_t length);
    // A free block from `hand` on; nullopt: none is long enough. `hand` moves behind it.
    std::optional<std::uint32_t> allocate(std::uint32_t length, std::uint32_t& hand);
    void release(std::uint32_t first, std::uint32_t length);
    // Would allocate() find a block?
    [[nodiscard]] bool has_room(std::uint32_t length) const;

private:
    // start -> length of free blocks, never adjacent
    using Free = std::map<std::uint32_t, std::uint32_t>;

    std::uint32_t cut(Free::iterator block, std::uint32_t first, std::uint32_t length);

    Free free_;
};

}  // namespace isobar::dataplane
