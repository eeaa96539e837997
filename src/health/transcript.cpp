// SPDX-License-Identifier: Apache-2.0
#include "health/transcript.h"

#include <algorithm>

#include "base/printable.h"

namespace isobar::health {

void Transcript::add(char who, std::string_view bytes) {
    std::size_t& had = who == '<' ? received_ : sent_;
    const std::size_t kept = std::min(bytes.size(), kMost - had);
    if (kept == 0) return;
    had += kept;
    // A server that sends byte by byte gets no piece for each.
    if (pieces_.empty() || pieces_.back().who != who || who == '=') pieces_.push_back({who, {}});
    pieces_.back().bytes.append(bytes.substr(0, kept));
}

std::string Transcript::text() const {
    std::string text;
    for (const Piece& piece : pieces_) {
        std::string_view left = piece.bytes;
        while (!left.empty()) {
            const std::size_t end = std::min(left.find('\n'), left.size() - 1) + 1;
            text.push_back(piece.who);
            text.push_back(' ');
            text.append(printable(left.substr(0, end)));
            text.push_back('\n');
            left.remove_prefix(end);
        }
    }
    return text;
}

}  // namespace isobar::health
