// SPDX-License-Identifier: Apache-2.0
#include "config/suggest.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace isobar::config {
namespace {

// Nothing that we know is longer; bounds the work on nonsense.
constexpr std::size_t kLongestWord = 40;

bool same_letter(char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
}

}  // namespace

unsigned edit_distance(std::string_view a, std::string_view b) {
    // Optimal string alignment: rows of the table for the last two letters of `a`.
    std::vector<unsigned> before_last(b.size() + 1);
    std::vector<unsigned> last(b.size() + 1);
    std::vector<unsigned> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<unsigned>(j);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before_last.swap(last);
        last.swap(row);
        row[0] = static_cast<unsigned>(i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const unsigned replaced = last[j - 1] + (same_letter(a[i - 1], b[j - 1]) ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
            const bool swapped = i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                                 same_letter(a[i - 2], b[j - 1]);
            if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
    }
    return row[b.size()];
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
    const std::string* nearest = nullptr;
    unsigned smallest = static_cast<unsigned>(std::max<std::size_t>(1, word.size() / 3)) + 1;
    for (const std::string& candidate : known) {
        if (word.size() > kLongestWord) break;
        const unsigned distance = edit_distance(word, candidate);
        if (distance < smallest && distance < candidate.size()) {
            smallest = distance;
            nearest = &candidate;
        }
    }
    if (nearest != nullptr) return fmt::format("did you mean '{}'?", *nearest);
    return fmt::format("known here: {}", fmt::join(known, ", "));
}

}  // namespace isobar::config
