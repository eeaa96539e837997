// SPDX-License-Identifier: Apache-2.0
#include "health/rhythm.h"

#include <algorithm>

namespace isobar::health {
namespace {

// Where in the interval number `index` stands, in 2^-32 of it. Steps of the golden ratio: however
// many there are, they are spread evenly (Knuth, TAOCP 6.4).
std::uint64_t place_of(std::uint64_t seed, std::uint64_t index) {
    constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
    return (seed * 0xbf58476d1ce4e5b9 + index * kGolden) >> 32U;
}

Rhythm::Clock::duration share(Rhythm::Clock::duration whole, std::uint64_t place) {
    return Rhythm::Clock::duration(static_cast<Rhythm::Clock::rep>(
        static_cast<double>(whole.count()) * static_cast<double>(place) / 4294967296.0));
}

}  // namespace

Rhythm::Rhythm(Clock::time_point start, Clock::duration interval, Clock::duration first_within,
               std::uint64_t seed, std::uint64_t index)
    : interval_(std::max<Clock::duration>(interval, std::chrono::milliseconds(1))),
      slot_(start + share(interval_, place_of(seed, index))),
      due_(start + share(std::min(first_within, interval_), place_of(seed, index))) {
    // The second one not right after the first.
    if (slot_ < due_ + interval_ / 2) slot_ += interval_;
}

void Rhythm::advance(Clock::time_point now) {
    if (slot_ <= now) slot_ += ((now - slot_) / interval_ + 1) * interval_;
    due_ = slot_;
}

}  // namespace isobar::health
