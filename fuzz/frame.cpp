// SPDX-License-Identifier: Apache-2.0
// What anybody may send through a director that is being traced.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "model/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace isobar::model;
    for (const auto udp : {UdpMayBe::Itself, UdpMayBe::Gue}) {
        const auto layers = read_frame(std::span(data, size), udp);
        if (layers.empty() || layers.size() > 4 || text(layers).empty()) std::abort();
        for (const unsigned char c : text(layers))
            if (c < ' ' || c > '~') std::abort();
    }
    return 0;
}
