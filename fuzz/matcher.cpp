// SPDX-License-Identifier: Apache-2.0
// Expectations and answers.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "health/matcher.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace isobar::health;
    std::string_view input(reinterpret_cast<const char*>(data), size);
    // A pattern, a NUL, and what is looked at: once all, once byte by byte.
    const std::size_t end = input.find(char{0});
    if (end == std::string_view::npos || end > 32) return 0;
    const std::string pattern(input.substr(0, end));
    // Counted repetitions take memory by their product; patterns are the operator's own.
    if (pattern.find_first_of("{\\") != std::string::npos) return 0;
    input = input.substr(end + 1, 512);
    using Match = isobar::model::Expectation::Match;
    for (const Match match : {Match::Prefix, Match::Regex}) {
        const auto matcher = Matcher::make({pattern, match});
        if (!matcher) continue;
        const auto whole = matcher->look(input);
        if (match == Match::Regex) continue;
        auto verdict = matcher->look({});
        for (std::size_t i = 1; i <= input.size() && verdict == Matcher::Verdict::More; ++i) {
            verdict = matcher->look(input.substr(0, i));
        }
        if (verdict != whole) std::abort();
    }
    return 0;
}
