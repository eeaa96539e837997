// SPDX-License-Identifier: Apache-2.0
// How far a number has come down to 0, and when it will be there if it goes on like this. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace isobar::cli {

class Countdown {
public:
    using Time = std::chrono::steady_clock::time_point;

    void add(Time at, std::uint64_t left);

    [[nodiscard]] std::uint64_t left() const { return seen_.empty() ? 0 : seen_.back().left; }
    [[nodiscard]] std::uint64_t most() const { return most_; }
    // By what has gone in the last half minute; nothing if none has.
    [[nodiscard]] std::optional<std::chrono::seconds> rest() const;
    // "[######----]", that wide between the brackets.
    [[nodiscard]] std::string bar(std::size_t width) const;

private:
    struct Seen {
        Time at;
        std::uint64_t left;
    };
    std::deque<Seen> seen_;
    std::uint64_t most_ = 0;
};

}  // namespace isobar::cli
