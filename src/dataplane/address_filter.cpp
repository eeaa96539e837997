// SPDX-License-Identifier: Apache-2.0
#include "dataplane/address_filter.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <iterator>

#include "dataplane/convert.h"

namespace isobar::dataplane {
namespace {

struct Bits {
    std::size_t word;
    std::uint64_t bits;
};

Bits bits_of(const isobar_address& address, std::uint64_t kind) {
    const std::uint32_t sum = address.word[0] ^ address.word[1] ^ address.word[2] ^ address.word[3];
    const std::uint32_t slot = (sum * 0x9e3779b1u) >> 16;
    return {slot / 32, kind << (slot % 32 * 2)};
}

// The bits of all addresses, as virtual ones.
constexpr std::uint64_t kAllVirtual = 0x5555555555555555;
static_assert(ISOBAR_FILTER_VIRTUAL == 1);

}  // namespace

void add_to_filter(isobar_filter& living, const model::Address& address, std::uint64_t kind) {
    const auto [word, bits] = bits_of(to_abi(address), kind);
    std::atomic_ref(living.word[word]).fetch_or(bits, std::memory_order_release);
}

void AddressFilter::add(const model::Address& address, std::uint64_t kind) {
    const auto [word, bits] = bits_of(to_abi(address), kind);
    filter_.word[word] |= bits;
}

void AddressFilter::add_all_as_virtual() {
    for (auto& word : filter_.word) word |= kAllVirtual;
}

void AddressFilter::put_into(isobar_filter& living) const {
    for (std::size_t i = 0; i < std::size(filter_.word); ++i)
        if (living.word[i] != filter_.word[i])
            std::atomic_ref(living.word[i]).store(filter_.word[i], std::memory_order_release);
}

}  // namespace isobar::dataplane
