// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <algorithm>
#include <cstddef>

namespace isobar {

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t start = 0; start < text.size();) {
        const auto stop = std::min(text.find(separator, start), text.size());
        if (stop > start) parts.push_back(text.substr(start, stop - start));
        start = stop + 1;
    }
    return parts;
}

std::uint32_t fnv1a(std::string_view text) {
    std::uint32_t hash = 0x811c9dc5;
    for (const unsigned char byte : text) hash = (hash ^ byte) * 0x01000193;
    return hash;
}

}  // namespace isobar
