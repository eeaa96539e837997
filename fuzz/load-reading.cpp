// SPDX-License-Identifier: Apache-2.0
// What servers, and the commands that ask them, may say of their load.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "load/reading.h"

namespace {

void must_be_within(const std::optional<double>& number, double most) {
    if (number && !(std::isfinite(*number) && *number >= 0 && *number <= most)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace isobar::load;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    must_be_within(parse_load(input), kMostLoad);
    must_be_within(parse_load_average(input), kMostLoad);
    // The path is the first line: it is the user's, but need not fit.
    const auto end = input.find('\n');
    if (end != std::string_view::npos)
        must_be_within(parse_json_field(input.substr(end + 1), input.substr(0, end)), kMostLoad);
    if (const auto answer = parse_agent_answer(input)) {
        must_be_within(answer->percent, kMostPercent);
        if (answer->why.size() > 1024) std::abort();
    }
    return 0;
}
