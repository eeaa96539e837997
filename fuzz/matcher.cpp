// SPDX-License-Identifier: Apache-2.0
// What is expected is the operator's, and chosen here by the first byte; the answer is hostile.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "health/matcher.h"

namespace {

using isobar::health::Matcher;
using Match = isobar::model::Expectation::Match;

const std::array<isobar::model::Expectation, 8> kExpected{{
    {"+OK", Match::Prefix},
    {"*", Match::Prefix},
    {"", Match::Prefix},
    {"ready [0-9]+$", Match::Regex},
    {"^(HTTP|SSH)[-/]([0-9.]+) *(.*)$", Match::Regex},
    {"(a|ab)(bc|c)*[^x-z]?$", Match::Regex},
    {"([[:alnum:]]+[.])+[[:alpha:]]{2,6}", Match::Regex},
    {"^$", Match::Regex},
}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto& expected = kExpected[data[0] % kExpected.size()];
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto matcher = Matcher::make(expected);
    if (!matcher) std::abort();
    const auto whole = matcher->look(input);
    if (expected.match == Match::Regex) return 0;
    // Byte by byte a prefix comes to the same verdict.
    auto verdict = matcher->look({});
    for (std::size_t i = 1; i <= input.size() && verdict == Matcher::Verdict::More; ++i) {
        verdict = matcher->look(input.substr(0, i));
    }
    if (verdict != whole) std::abort();
    return 0;
}
