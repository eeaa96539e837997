// SPDX-License-Identifier: Apache-2.0
// What an HTTP server may answer, in pieces of any size.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "health/http_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace isobar::health;
    std::string_view input(reinterpret_cast<const char*>(data), size);
    // The first byte: the size of the pieces that it comes in, and whether it answers HEAD.
    if (input.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(input[0]);
    input.remove_prefix(1);
    const std::size_t step = 1 + (first & 0x7fU);
    std::size_t body = 0;
    HttpAnswer answer({.most_bytes = 1000,
                       .no_body = (first & 0x80U) != 0,
                       .body = [&](std::string_view part) { body += part.size(); }});
    while (!input.empty()) {
        answer.feed(input.substr(0, step));
        input.remove_prefix(std::min(step, input.size()));
    }
    if (answer.end() == HttpAnswer::Verdict::More) std::abort();
    if (body != answer.body_bytes() || body > 1000) std::abort();
    return 0;
}
