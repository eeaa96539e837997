// SPDX-License-Identifier: Apache-2.0
// The text of a configuration file: is it fit to be parsed, and what stands where.
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"

namespace isobar::config {

struct Position {
    unsigned line = 0;
    unsigned column = 0;
    auto operator<=>(const Position&) const = default;
};

// Largest file that is read. A configuration of 1,000 services with 10 servers each has
// about 600 KiB.
inline constexpr std::size_t kLargestFile = 1U << 20U;

// The refusal of a file that is larger.
Diagnostic too_large(const std::string& file, std::size_t bytes);

class Source {
public:
    Source(std::string file, std::string_view text);

    // Why this text must not even be parsed: too long, binary, not UTF-8, or of a kind that
    // the parser does not survive.
    [[nodiscard]] std::optional<Diagnostic> refusal() const;

    [[nodiscard]] Diagnostic at(Position position, std::string message,
                                std::string hint = {}) const;
    // Line `number` from 1, without its line end; empty beyond the end.
    [[nodiscard]] std::string_view line(unsigned number) const;
    [[nodiscard]] std::string_view text() const { return text_; }

private:
    [[nodiscard]] Position position_of(std::size_t offset) const;

    std::string file_;
    std::string_view text_;
    std::vector<std::size_t> line_starts_;
};

}  // namespace isobar::config
