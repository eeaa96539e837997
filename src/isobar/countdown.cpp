// SPDX-License-Identifier: Apache-2.0
#include "isobar/countdown.h"

#include <algorithm>

namespace isobar::cli {
namespace {

constexpr std::chrono::seconds kWindow{30};

}  // namespace

void Countdown::add(Time at, std::uint64_t left) {
    seen_.push_back({at, left});
    most_ = std::max(most_, left);
    while (at - seen_.front().at > kWindow) seen_.pop_front();
}

std::optional<std::chrono::seconds> Countdown::rest() const {
    if (seen_.empty() || seen_.front().left <= seen_.back().left) return std::nullopt;
    const auto gone = static_cast<double>(seen_.front().left - seen_.back().left);
    const std::chrono::duration<double> took = seen_.back().at - seen_.front().at;
    const auto rest = took * (static_cast<double>(seen_.back().left) / gone);
    return std::chrono::ceil<std::chrono::seconds>(rest);
}

std::string Countdown::bar(std::size_t width) const {
    const std::size_t full = most_ == 0 ? width : (most_ - left()) * width / most_;
    return '[' + std::string(full, '#') + std::string(width - full, '-') + ']';
}

}  // namespace isobar::cli
