// SPDX-License-Identifier: Apache-2.0
// What was said in an attempt, for people: kept as it was, bounded; made printable when asked for.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace isobar::health {

class Transcript {
public:
    void sent(std::string_view bytes) { add('>', bytes); }
    void received(std::string_view bytes) { add('<', bytes); }
    void note(std::string_view text) { add('=', text); }

    // A line for each piece that ends in one, "> ", "< " or "= " before it.
    [[nodiscard]] std::string text() const;

private:
    void add(char who, std::string_view bytes);

    static constexpr std::size_t kMost = 2048;  // of each side
    struct Piece {
        char who;
        std::string bytes;
    };
    std::vector<Piece> pieces_;
    std::size_t sent_ = 0;
    std::size_t received_ = 0;
};

}  // namespace isobar::health
