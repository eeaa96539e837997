// SPDX-License-Identifier: Apache-2.0
// The units: what the kernel's hash map costs here and now (yardstick.bpf.c). Absolute
// times drift with the machine's load and clock; ratios to these hold.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/result.h"
#include "samples.h"

namespace isobar::bench {

enum class Unit : std::uint8_t {
    H,    // lookup of a 40-byte key, always the same one
    H64,  // the same among 65,536 keys
    I,    // insert and delete of a new key
};
inline constexpr std::array kUnits = {Unit::H, Unit::H64, Unit::I};
const char* name(Unit unit);
const char* meaning(Unit unit);

class Yardsticks {
public:
    static Result<Yardsticks> make();

    Result<void> measure(std::uint32_t repeat);
    [[nodiscard]] const Samples& samples(Unit unit) const {
        return samples_[static_cast<std::size_t>(unit)];
    }

private:
    Yardsticks() = default;

    std::shared_ptr<void> object_;  // the skeleton; shared_ptr for its type-erased deleter
    int none_ = -1;
    std::array<int, 3> programs_{};
    std::array<Samples, 3> samples_;
};

}  // namespace isobar::bench
