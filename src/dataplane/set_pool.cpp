// SPDX-License-Identifier: Apache-2.0
#include "dataplane/set_pool.h"

#include <algorithm>

namespace isobar::dataplane {

SetPool::SetPool(std::uint32_t elements) {
    if (elements > 1) free_.emplace(1, elements - 1);
}

std::uint32_t SetPool::cut(Free::iterator block, std::uint32_t first, std::uint32_t length) {
    const auto [start, size] = *block;
    free_.erase(block);
    if (first > start) free_.emplace(start, first - start);
    if (first + length < start + size) free_.emplace(first + length, start + size - first - length);
    return first;
}

void SetPool::take(std::uint32_t first, std::uint32_t length) {
    auto block = free_.upper_bound(first);
    if (block == free_.begin()) return;
    --block;
    if (first + length <= block->first + block->second) cut(block, first, length);
}

std::optional<std::uint32_t> SetPool::allocate(std::uint32_t length, std::uint32_t& hand) {
    auto start = free_.upper_bound(hand);
    // the block that the hand points into may still have room behind it
    if (start != free_.begin()) {
        const auto before = std::prev(start);
        if (before->first + before->second >= hand + length && hand >= before->first) {
            const auto first = cut(before, hand, length);
            hand = first + length;
            return first;
        }
    }
    for (std::size_t seen = 0; seen < free_.size(); ++seen, ++start) {
        if (start == free_.end()) start = free_.begin();
        if (start->second < length) continue;
        const auto first = cut(start, start->first, length);
        hand = first + length;
        return first;
    }
    return std::nullopt;
}

bool SetPool::has_room(std::uint32_t length) const {
    return std::any_of(free_.begin(), free_.end(),
                       [&](const auto& block) { return block.second >= length; });
}

void SetPool::release(std::uint32_t first, std::uint32_t length) {
    auto next = free_.lower_bound(first);
    if (next != free_.end() && next->first == first + length) {
        length += next->second;
        next = free_.erase(next);
    }
    if (next != free_.begin()) {
        const auto before = std::prev(next);
        if (before->first + before->second == first) {
            before->second += length;
            return;
        }
    }
    free_.emplace(first, length);
}

}  // namespace isobar::dataplane
