// SPDX-License-Identifier: Apache-2.0
// What may come to a socket for pings.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "health/echo.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace isobar::health;
    std::string_view input(reinterpret_cast<const char*>(data), size);
    for (const auto family : {isobar::model::Family::V4, isobar::model::Family::V6}) {
        for (const bool header : {false, true}) {
            const auto echo = read_echo_reply(family, input, header);
            if (echo && write_echo_request(family, *echo).size() != 16) std::abort();
        }
    }
    return 0;
}
